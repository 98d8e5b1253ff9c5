// Sorts a table of the class "sortable" by the column whose heading is clicked. Numbers are compared
// by value, and stand before other texts; names that begin with digits are texts.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const direction = heading.ariaSort === "ascending" ? -1 : 1;
      headings.forEach(each => { each.ariaSort = null; });
      heading.ariaSort = direction > 0 ? "ascending" : "descending";
      const text = row => row.cells[column].textContent.trim();
      const number = row => /^-?[\d,]*\.?\d+(?![\w-])/.test(text(row))
        ? parseFloat(text(row).replaceAll(",", "")) : NaN;
      const compare = (a, b) => isNaN(number(a)) || isNaN(number(b))
        ? isNaN(number(a)) - isNaN(number(b))
          || text(a).localeCompare(text(b), "en", { numeric: true })
        : number(a) - number(b);
      body.append(...[...body.rows].sort((a, b) => direction * compare(a, b)));
    });
  });
}
