// The form for a new password speaks JSON to the dialect's own call. Whatever is not a plain yes goes the way without scripts:
// its page says what was refused, at the field where it was.
(() => {
  const form = document.getElementById("reset");
  const done = document.getElementById("done");

  const ask = async () => {
    const answer = await fetch(form.dataset.api, {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    return (await answer.json()).code === 200;
  };

  form.addEventListener("submit", async (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    if (!(await ask().catch(() => false))) return form.submit();
    form.hidden = true;
    done.hidden = false;
    document.title = document.title.replace(/.* · /, `${done.querySelector("h1").textContent} · `);
    done.focus();
  });
})();
