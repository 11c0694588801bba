// Search at /docs, in the list at its side: <p data-search hidden><input> <span role="status" data-found="# …" data-none="…"></p>, and
// <div data-group><a><ul><li>…</ul></div>. Every word that is typed must stand in an entry. Without scripts there is the list alone.
(() => {
  const box = document.querySelector("[data-search]");
  if (!box) return;
  const field = box.querySelector("input");
  const told = box.querySelector("[role=status]");
  const groups = [...document.querySelectorAll("[data-group]")].map((group) => {
    const list = group.querySelector("ul");
    const entries = [...list.children].map((item) => ({item, text: item.textContent.toLowerCase()}));
    return {group, list, entries, hidden: list.hidden};
  });

  const search = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let all = 0;
    for (const {group, list, entries, hidden} of groups) {
      let found = 0;
      for (const {item, text} of entries) {
        item.hidden = !words.every((word) => text.includes(word));
        found += Number(!item.hidden);
      }
      list.hidden = words.length ? !found : hidden;
      group.hidden = words.length > 0 && !found;
      all += found;
    }
    box.parentElement.classList.toggle("searched", words.length > 0);
    told.textContent = words.length ? (all ? told.dataset.found.replace("#", all) : told.dataset.none) : "";
  };

  box.hidden = false;
  field.addEventListener("input", search);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
    event.preventDefault();
    field.focus();
  });
  search(); // a browser that comes back keeps what was typed
})();
