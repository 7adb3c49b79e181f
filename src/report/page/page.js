// Sorts a table by the column whose header is clicked; a second click turns the order round.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const header = button.parentElement;
    const table = header.closest("table");
    const column = [...header.parentElement.children].indexOf(header);
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const value = (row) => {
      const cell = row.children[column];
      return cell.dataset.value ?? cell.textContent;
    };
    const order = (one, other) => {
      const [a, b] = [value(one), value(other)];
      const [x, y] = [Number(a), Number(b)];
      const both = a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y);
      return both ? x - y : a.localeCompare(b);
    };
    const rows = [...table.tBodies[0].rows].sort(order);
    if (descending) rows.reverse();
    table.tBodies[0].append(...rows);
  });
}
