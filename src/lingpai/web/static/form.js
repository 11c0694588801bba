// What makes every page better where scripts run; nothing depends on it. What it looks for: templates/parts/form.html.
(() => {
  const all = (selector) => document.querySelectorAll(selector);
  const of = (id) => document.getElementById(id);

  // No secret stays in the address bar, in the history, or in what a Referer or a copied address would tell;
  // nor what was done a moment ago, which a reload would say again.
  const clean = (address) => {
    // Their names may have something before them where a mail program has changed the link.
    for (const name of [...address.searchParams.keys()])
      if (/(^|[^a-z])(vcode|authorization|token|emailname|code|state|done)$/i.test(name)) address.searchParams.delete(name);
    return address.pathname + address.search;
  };
  const shown = clean(new URL(location.href));
  if (shown !== location.pathname + location.search) history.replaceState(null, "", shown);

  // What answers a form stands at its page's own address: a reload or the way back reads it anew, and sends nothing again.
  if ("answered" in document.body.dataset) {
    const here = new URL(document.querySelector(".languages [name=back]").value, location.href);
    if (here.origin === location.origin) history.replaceState(null, "", clean(here));
  }

  of("failed")?.focus();

  // Where the reader's clock is, so that the next page and mails tell times as they are read there.
  const {timeZone} = Intl.DateTimeFormat().resolvedOptions();
  const kept = location.protocol === "https:" ? "; Secure" : "";
  if (timeZone) document.cookie = `lingpai_zone=${timeZone}; Max-Age=31536000; Path=/; SameSite=Lax${kept}`;

  // Instants: read in the page's language and in the zone of who reads them.
  for (const time of all("time[datetime]")) {
    const style = time.hasAttribute("data-date") ? {} : {timeStyle: "short"};
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, {dateStyle: "medium", ...style}).format(new Date(time.dateTime));
    if (/^\p{Script=Han}/u.test(time.nextSibling?.data ?? "")) time.after(" ");
  }

  // Another language keeps what was typed, of what these pages take from an address; no secret is among it.
  for (const form of all(".languages"))
    form.addEventListener("submit", () => {
      const back = new URL(form.elements.back.value, location.href);
      for (const field of all("main :is(input:not([type=hidden], [type=radio], [readonly]), select)"))
        if (["account", "email", "phone", "country", "invite"].includes(field.name) && field.value) back.searchParams.set(field.name, field.value);
      form.elements.back.value = back.pathname + back.search;
    });

  // A form is sent once. Its button keeps its width, and says that it works; a page that comes back from the history starts anew.
  const idle = new Map();
  const busy = (button) => {
    idle.set(button, button.textContent);
    button.style.minWidth = `${button.offsetWidth}px`;
    button.setAttribute("aria-disabled", "true");
    button.textContent = button.dataset.busy;
  };
  for (const form of all("form"))
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return; // something is to be mended, or verified, first
      const button = event.submitter ?? form.querySelector("button[data-busy]");
      if (form.dataset.sent || button?.getAttribute("aria-disabled")) return event.preventDefault();
      form.dataset.sent = "yes";
      if (button?.dataset.busy) busy(button);
    });
  addEventListener("pageshow", ({persisted}) => {
    if (!persisted) return;
    for (const [button, text] of idle) {
      button.textContent = text;
      button.style.minWidth = "";
      button.removeAttribute("aria-disabled");
      delete button.form.dataset.sent;
    }
    idle.clear();
  });

  for (const button of all("[data-show]")) {
    const field = of(button.dataset.show);
    const texts = [button.textContent, button.dataset.hide];
    const show = (yes) => {
      field.type = yes ? "text" : "password";
      button.textContent = texts[Number(yes)];
      button.setAttribute("aria-pressed", String(yes));
    };
    button.hidden = false;
    button.addEventListener("click", () => show(field.type === "password"));
    field.form.addEventListener("submit", () => show(false)); // so that no browser remembers it as an ordinary text
  }

  for (const field of all("[data-caps]")) {
    const told = of(field.dataset.caps);
    const look = (event) => {
      const on = event.type !== "blur" && event.getModifierState?.("CapsLock");
      const text = on ? told.dataset.text : "";
      if (told.textContent !== text) told.textContent = text;
    };
    for (const name of ["keydown", "keyup", "blur"]) field.addEventListener(name, look);
  }

  // The server judges a new password, a moment after the last key.
  for (const field of all("[data-meter]")) {
    const said = of(field.dataset.meter);
    const account = of(field.dataset.account);
    let timer, asked = 0;
    const judge = async (turn) => {
      const answer = await fetch("/page/strength", {
        method: "POST",
        headers: {"Content-Type": "application/json", "Accept-Language": document.documentElement.lang},
        body: JSON.stringify({password: field.value, account: account?.value ?? ""}),
      });
      if (!answer.ok || turn !== asked) return;
      const {ok, reason} = await answer.json();
      said.textContent = ok ? said.dataset.good : reason;
      said.dataset.ok = ok;
    };
    const later = () => {
      clearTimeout(timer);
      asked += 1;
      said.textContent = "";
      const turn = asked;
      if (field.value) timer = setTimeout(() => judge(turn).catch(() => {}), 400);
    };
    field.addEventListener("input", later);
    account?.addEventListener("change", later);
  }

  // Send again: counts down, then may be pressed.
  for (const button of all("[data-wait]")) {
    const text = button.textContent;
    const end = performance.now() + 1000 * Number(button.dataset.wait);
    const hint = button.nextElementSibling;
    if (hint?.hasAttribute("data-wait-hint")) hint.hidden = true;
    const tick = () => {
      const left = Math.ceil((end - performance.now()) / 1000);
      button.disabled = left > 0;
      const {waitText, waitMinutes} = button.dataset;
      const told = left > 60 ? waitMinutes.replace("#", Math.ceil(left / 60)) : waitText.replace("#", left);
      button.textContent = left > 0 ? told : text;
      if (left > 0) setTimeout(tick, 250);
    };
    tick();
  }

  for (const button of all("[data-copy]")) {
    const field = of(button.dataset.copy);
    const text = button.textContent;
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(field.value ?? field.textContent);
      button.textContent = button.dataset.done;
      setTimeout(() => (button.textContent = text), 2000);
    });
    field.addEventListener("focus", () => field.select?.());
  }
})();
