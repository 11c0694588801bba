// A number is grouped as it is typed, and its country is taken from a prefix that was pasted; what is no number has no prefix before it.
//   <select id="account-prefix"> or <span id="account-prefix">, and <input id="account" data-places="+86 3 4 4,+852 4 4">
// The server takes all of it as it was typed, too. With `data-names` a few digits are an account's name.
(() => {
  const group = (digits, sizes) => {
    let end = 0;
    return sizes.map((size) => digits.slice(end, (end += size))).filter(Boolean).join(" ");
  };
  const count = (text) => text.normalize("NFKC").replace(/\D/g, "").length;

  for (const field of document.querySelectorAll("[data-places]")) {
    const front = document.getElementById(`${field.id}-prefix`);
    const least = "names" in field.dataset ? 7 : 0;
    const places = field.dataset.places.split(",").map((place) => {
      const [prefix, ...sizes] = place.split(" ");
      return {prefix, sizes: sizes.map(Number), length: sizes.reduce((sum, size) => sum + Number(size), 0)};
    });
    const show = (yes) => {
      if (front?.options) front.hidden = !yes;
      else if (front) front.textContent = yes ? places[0].prefix : "";
    };

    const write = (text, event) => {
      if (text === field.value) return;
      const caret = field.selectionStart ?? field.value.length;
      const forward = event?.inputType === "deleteContentForward";
      const [before, after] = [count(field.value.slice(0, caret)), count(field.value.slice(caret))];
      field.value = text;
      if (document.activeElement !== field) return;
      let at = 0;
      const passed = () => (forward ? count(text.slice(at)) <= after : count(text.slice(0, at)) >= before);
      while (at < text.length && !passed()) at += 1;
      field.setSelectionRange(at, at);
    };

    const tidy = (event) => {
      if (event?.isComposing) return;
      const plain = field.value.normalize("NFKC").replace(/[\s().[\]【】‐-―-]/g, "").replace(/^00/, "+");
      if (!/^\+?\d*$/.test(plain)) return show(false);
      const chosen = places[Math.max(front?.selectedIndex ?? 0, 0)];
      if (plain[0] !== "+") {
        show(plain.length >= least);
        if (plain.length >= least && plain.length <= chosen.length) write(group(plain, chosen.sizes), event);
        else if (/^[\d ]*$/.test(field.value) && plain.length < least) write(plain, event);
        return;
      }
      // The chosen country first, for several have the same prefix.
      const brought = [chosen, ...places].find(({prefix, length}) => plain.startsWith(prefix) && plain.length === prefix.length + length);
      show(Boolean(brought && front));
      if (!brought || !front) return;
      if (front.options) front.selectedIndex = places.indexOf(brought);
      write(group(plain.slice(brought.prefix.length), brought.sizes));
    };
    for (const name of ["input", "change", "compositionend"]) field.addEventListener(name, tidy);
    front?.addEventListener("change", tidy);
    tidy();
  }
})();
