// Without this script the page says the same: it sorts tables by a click, and opens what is folded
// before the page is printed.
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
