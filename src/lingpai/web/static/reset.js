// The form for a new password speaks JSON to the dialect's own call; without this script it posts to a page instead.
(() => {
  const form = document.getElementById("reset");
  const button = form.querySelector("button");
  const summary = document.getElementById("summary");
  const done = document.getElementById("done");
  const name = button.textContent;

  // The link's secret leaves the address bar, the history and anything that would send a Referer.
  history.replaceState(null, "", location.pathname);

  const busy = (yes) => {
    button.disabled = yes;
    button.textContent = yes ? form.dataset.busy : name;
  };
  const complain = (text) => {
    summary.textContent = text;
    summary.hidden = false;
    summary.focus();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    busy(true);
    summary.hidden = true;
    try {
      const answer = await fetch(form.dataset.api, {
        method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify(Object.fromEntries(new FormData(form))),
      });
      const said = await answer.json();
      if (said.code === 200) {
        form.hidden = true;
        done.hidden = false;
        done.focus();
      } else {
        complain(said.msg);
      }
    } catch {
      complain(form.dataset.lost);
    } finally {
      busy(false);
    }
  });
})();
