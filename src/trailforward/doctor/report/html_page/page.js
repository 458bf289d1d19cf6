"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  // A grid that is wider than the window says so, and shows a shadow where it goes on.
  const edges = () => all(".wide").forEach((box) => {
    const inner = box.querySelector(".scroll"), room = inner.scrollWidth - inner.clientWidth;
    box.classList.toggle("wider", room > 1);
    box.classList.toggle("left", inner.scrollLeft > 1);
    box.classList.toggle("right", inner.scrollLeft < room - 1);
  });
  all(".wide .scroll").forEach((inner) => inner.addEventListener("scroll", edges, { passive: true }));
  addEventListener("resize", edges);
  edges();

  // Notes are printed too.
  let opened = [];
  addEventListener("beforeprint", () => { opened = all("details.notes:not([open])"); opened.forEach((one) => { one.open = true; }); });
  addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));

  const form = document.getElementById("filters");
  if (!form) return;  // a report on rules alone has no grid
  const fields = form.elements, shown = document.getElementById("shown");
  const [accounts, regions, classes] = data.sizes;
  const excluded = data.statuses.indexOf("excluded");
  const weights = data.rows.map(() => 0);
  data.accounts.forEach((row) => { weights[row]++; });
  form.hidden = false;
  let cells = [];

  const named = (cell) => { cell.dataset.what ??= cell.getAttribute("aria-label").split(": ")[0]; };
  const find = () => { cells = all("a.cell[data-r]"); cells.forEach(named); };

  const chosen = (name) => (fields[name].value === "" ? -1 : Number(fields[name].value));
  const span = (one, size) => (one >= 0 ? [one, one + 1] : [0, size]);
  // The rows of the selection with the number of their accounts: of all, of one account, or of one row ("w7").
  const selected = () => {
    const value = fields.account.value;
    if (value === "") return weights.map((weight, row) => [row, weight]);
    if (value[0] === "w") return [[Number(value.slice(1)), weights[Number(value.slice(1))]]];
    return [[data.accounts[Number(value)], 1]];
  };

  const paint = (cell, counts, wanted) => {
    const sum = counts.reduce((before, one) => before + one, 0), total = sum - counts[excluded] || sum;
    const worst = counts.findLastIndex((one) => one > 0);
    const status = data.statuses[worst];
    const part = total && counts[worst] < total;
    cell.className = "cell " + (total ? status : "absent") + (part ? " some" : "") + (total && !wanted.has(status) ? " dim" : "");
    cell.textContent = total ? data.signs[worst] : "·";
    let label = cell.dataset.what + ": " + (total ? status : "not in this selection");
    if (total > 1) label += ", " + counts[worst] + " of " + total;
    ["covered", "unknown"].forEach((name) => cell.style.setProperty("--" + name[0], part ? 100 * counts[data.statuses.indexOf(name)] / total : 0));
    if (part) {
      const number = document.createElement("small"), rest = document.createElement("i");
      number.textContent = counts[worst];
      rest.textContent = "/" + total;
      number.append(rest);
      cell.append(number);
    }
    cell.title = label;
    cell.setAttribute("aria-label", label);
  };

  const show = () => {
    const region = chosen("region"), kind = chosen("class");
    const [r0, r1] = span(region, regions), [c0, c1] = span(kind, classes);
    const wanted = new Set(all("input[name=status]:checked", form).map((box) => box.value));
    const none = () => data.statuses.map(() => 0);
    const byClass = new Map(), byAccount = new Map(), total = none(), causes = new Set(), paths = new Set();
    const add = (map, key, status, number) => { if (!map.has(key)) map.set(key, none()); map.get(key)[status] += number; };
    const picked = selected();
    picked.forEach(([row, weight]) => {
      for (let r = r0; r < r1; r++)
        for (let c = c0; c < c1; c++) {
          const number = data.places[data.rows[row][r]][c];
          if (number < 0) continue;
          const [status, found, path] = data.kinds[number];
          total[status] += weight;
          add(byClass, r + "/" + c, status, weight);
          add(byAccount, row + "/" + r, status, 1);
          if (wanted.has(data.statuses[status])) { found.forEach((one) => causes.add(one)); paths.add(path); }
        }
    });
    cells.forEach((cell) => {
      const { w, r, c } = cell.dataset;
      paint(cell, (c === undefined ? byAccount.get(w + "/" + r) : byClass.get(r + "/" + c)) || none(), wanted);
    });
    const narrow = fields.account.value !== "";
    const rows = new Set(picked.map(([row]) => String(row)));
    all("#by-class tr[data-region]").forEach((row) => { row.hidden = region >= 0 && row.dataset.region !== String(region); });
    all("#by-account tr[data-row]").forEach((row) => { row.hidden = !rows.has(row.dataset.row); });
    all("tr.area").forEach((row) => { row.hidden = region >= 0; });
    all(".finding[data-cause]").forEach((card) => { card.hidden = !causes.has(Number(card.dataset.cause)); });
    all(".path").forEach((card) => { card.hidden = !paths.has(Number(card.dataset.path)); });
    ["findings", "paths"].forEach((id) => {
      const section = document.getElementById(id);
      section.querySelector(".none").hidden = all("article", section).some((card) => !card.hidden);
    });
    const counted = data.statuses.map((name, number) => total[number].toLocaleString("en") + " " + name).filter((_, number) => number !== excluded || total[number]);
    const narrowed = narrow || region >= 0 || kind >= 0 || all("input[name=status]:not(:checked)", form).length;
    shown.textContent = narrowed ? "In this selection: " + counted.reverse().join(", ") + "." : "";
    edges();
  };

  form.addEventListener("change", show);
  form.addEventListener("reset", () => setTimeout(show));

  const member = (row) => data.accounts.indexOf(row);
  const name = (account) => fields.account.options[account + 1].textContent;

  // Chooses a row: its only account, or all its accounts, as one more choice of the field.
  const choose = (row) => {
    let value = row < 0 ? "" : String(member(row));
    if (row >= 0 && weights[row] > 1) {
      let option = fields.account.querySelector("[data-row]");
      if (!option) { option = document.createElement("option"); option.dataset.row = ""; fields.account.append(option); }
      option.value = value = "w" + row;
      option.textContent = weights[row] + " accounts like " + name(member(row));
    }
    fields.account.value = value;
  };

  // A click on a cell filters the page by that cell; another click on it shows everything again.
  document.addEventListener("click", (event) => {
    const cell = event.target.closest("a.cell[data-r]");
    if (!cell) return;
    event.preventDefault();
    const { w, r, c } = cell.dataset;
    const same = c === undefined ? fields.account.value !== "" && selected()[0][0] === Number(w) : fields.class.value === c;
    const again = fields.region.value === r && same;
    fields.region.value = again ? "" : r;
    if (c === undefined) choose(again ? -1 : Number(w)); else fields.class.value = again ? "" : c;
    show();
  });

  // Rows that are not in the page are added on demand.
  const more = document.querySelector("#more-rows button");
  if (more) {
    more.hidden = false;
    more.addEventListener("click", () => {
      const body = document.querySelector("#by-account tbody"), members = data.rows.map(() => []);
      data.accounts.forEach((row, account) => members[row].push(account));
      const heads = all("#by-account thead th").map((head) => head.textContent);
      more.dataset.rows.split(" ").map(Number).forEach((row) => {
        const line = document.createElement("tr"), head = document.createElement("th"), names = members[row].map(name);
        line.dataset.row = row;
        head.scope = "row";
        head.textContent = names.length > 1 ? names.length + " accounts" : names[0];
        head.title = names.join(", ");
        line.append(head);
        data.rows[row].forEach((place, r) => {
          const enabled = data.places[place].some((kind) => kind >= 0);
          const cell = document.createElement(enabled ? "a" : "span");
          cell.className = "cell absent";
          cell.textContent = "·";
          if (enabled) {
            Object.assign(cell.dataset, { w: row, r, what: (names.length > 1 ? "" : "account ") + head.textContent + ", " + heads[r] });
            cell.href = "#paths";
            cell.tabIndex = -1;
          }
          const box = document.createElement("td");
          box.append(cell);
          line.append(box);
        });
        body.append(line);
      });
      more.parentElement.remove();
      find();
      show();
    });
  }

  find();
  cells.forEach((cell) => { cell.title = cell.getAttribute("aria-label"); });

  // Each grid is one Tab stop; arrow keys, Home and End move inside it.
  all("table.grid").forEach((table) => {
    all("a.cell", table).forEach((cell, number) => { cell.tabIndex = number ? -1 : 0; });
    table.addEventListener("keydown", (event) => {
      const cell = event.target.closest("a.cell");
      if (!cell) return;
      const rows = all("tbody tr:not(.area)", table).filter((row) => !row.hidden);
      const row = cell.closest("tr"), column = cell.closest("td").cellIndex;
      const at = rows.indexOf(row);
      const down = { ArrowDown: 1, ArrowUp: -1 }[event.key], right = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const last = row.cells.length - 1;
      let to = null;
      if (down) for (let y = at + down; !to && rows[y]; y += down) to = rows[y].cells[column].querySelector("a.cell");
      else if (right) for (let x = column + right; !to && row.cells[x]; x += right) to = row.cells[x].querySelector("a.cell");
      else if (event.key === "Home") to = row.querySelector("a.cell");
      else if (event.key === "End") for (let x = last; !to && x > 0; x--) to = row.cells[x].querySelector("a.cell");
      else if (event.key === " ") { event.preventDefault(); cell.click(); return; }
      else return;
      event.preventDefault();
      if (!to) return;
      all('a.cell[tabindex="0"]', table).forEach((one) => { one.tabIndex = -1; });
      to.tabIndex = 0;
      to.focus();
    });
  });
})();
