// Without this script the page says the same: it sorts tables by a click, tells what another
// threshold would have made of the images, and opens what is folded before the page is printed.
// The page is XML, too: no sign of less-than, and no ampersand.
document.querySelectorAll("table.sortable").forEach(function (table) {
  var body = table.tBodies[0];
  table.querySelectorAll("thead th button").forEach(function (button) {
    button.addEventListener("click", function () {
      var head = button.closest("th");
      var isDown = head.getAttribute("aria-sort") === "ascending";
      var sign = isDown ? -1 : 1;
      function key(row) {
        var cell = row.cells[head.cellIndex];
        var data = cell.querySelector("data");
        return data ? Number(data.value) : cell.textContent.trim();
      }
      function compare(one, other) {
        var a = key(one), b = key(other);
        return sign * (typeof a === "number" ? a - b : a.localeCompare(b));
      }
      Array.from(body.rows).sort(compare).forEach(function (row) { body.appendChild(row); });
      table.querySelectorAll("thead th").forEach(function (each) { each.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    });
  });
});
window.addEventListener("beforeprint", function () {
  document.querySelectorAll("details").forEach(function (each) { each.open = true; });
});
document.querySelectorAll(".chooser").forEach(function (chooser) {
  var choice = JSON.parse(chooser.dataset.choice);
  var slider = chooser.querySelector("input"), reset = chooser.querySelector("button");
  var positives = choice.images[0], negatives = choice.images[1];
  function told(value) {
    return value === 0 || value >= 0.1 ? value.toFixed(4) : value.toPrecision(3);
  }
  function set(data, value, text) {
    data.value = value;
    data.textContent = text;
  }
  function figure(name, value) {
    set(chooser.querySelector("[data-shows=" + name + "] data"), value, told(value));
    return name + " " + told(value);
  }
  function cells(hits, alarms) {
    var counts = [negatives - alarms, alarms, positives - hits, hits];
    chooser.querySelectorAll("tbody td").forEach(function (cell, i) {
      set(cell.querySelector("data"), counts[i], counts[i].toLocaleString("en-US"));
      cell.style.setProperty("--share", counts[i] / (2 > i ? negatives : positives));
    });
  }
  function circle(kind, x, y) {
    document.querySelectorAll("svg.rates." + kind).forEach(function (svg) {
      var at = svg.querySelector("circle"), place = svg.dataset;
      function within(from, to, share) {
        return Number(from) + share * (Number(to) - Number(from));
      }
      if (!at) return;
      at.style.display = isNaN(y) ? "none" : "";
      at.setAttribute("cx", within(place.left, place.end, x));
      if (!isNaN(y)) at.setAttribute("cy", within(place.floor, place.top, y));
    });
  }
  function show() {
    var point = choice.points[slider.value], hits = point[1], alarms = point[2];
    var labelled = hits + alarms;
    slider.setAttribute("aria-valuetext", [
      figure("threshold", point[0]),
      figure("accuracy", (hits + negatives - alarms) / (positives + negatives)),
      figure("precision", labelled ? hits / labelled : 0),
      figure("recall", hits / positives)
    ].join(", "));
    cells(hits, alarms);
    circle("roc", alarms / negatives, hits / positives);
    circle("precision-recall", hits / positives, hits / labelled);
    reset.disabled = Number(slider.value) === choice.served;
  }
  slider.addEventListener("input", show);
  reset.addEventListener("click", function () {
    slider.value = choice.served;
    show();
    slider.focus();
  });
  slider.value = choice.served;
  slider.setAttribute("aria-valuetext", "threshold " + told(choice.points[choice.served][0]));
  document.querySelectorAll(".moves").forEach(function (each) { each.hidden = false; });
});
