"""`frostline open` finds the report of the latest run, or says what to do."""

from pipeline import cli


def reported(folder, run_id):
    run = folder / "runs" / run_id
    run.mkdir(parents=True)
    (run / "report.html").write_text("<p>")
    latest = folder / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(run)
    return run / "report.html"


def test_path_of_the_latest_report_is_printed(tmp_path, capsys):
    reported(tmp_path, "1")
    latest = reported(tmp_path, "2")
    assert cli.main(["open", "--work-dir", str(tmp_path), "--print"]) == 0
    assert capsys.readouterr().out == f"{latest}\n"


def test_browser_is_asked_to_open_it(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    path = reported(tmp_path, "1")
    assert cli.main(["open", "--work-dir", str(tmp_path)]) == 0
    assert opened == [path.as_uri()]


def test_machine_without_a_browser_is_told_the_path(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    path = reported(tmp_path, "1")
    assert cli.main(["open", "--work-dir", str(tmp_path)]) == 1
    assert str(path) in capsys.readouterr().err


def test_folder_without_a_run_says_how_to_begin(tmp_path, capsys):
    assert cli.main(["open", "--work-dir", str(tmp_path / "w")]) == 2
    assert f"frostline run --data DIR --work-dir {tmp_path / 'w'}" in capsys.readouterr().err


def test_run_without_a_report_names_its_log(tmp_path, capsys):
    path = reported(tmp_path, "1")
    path.unlink()
    assert cli.main(["open", "--work-dir", str(tmp_path)]) == 2
    assert str(path.with_name("run.log")) in capsys.readouterr().err
