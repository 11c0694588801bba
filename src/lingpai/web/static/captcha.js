// The captcha of a form (templates/parts/captcha.html). The browser works instead of the person where it can; without a secure context, and
// whenever anything fails, a picture comes in its place. What was typed stays: the form is sent once there is an answer.
(() => {
  const able = isSecureContext && "Worker" in window && "crypto" in window && "subtle" in crypto;
  const FRESH = 240000; // ms for which a solution is taken; its challenge is good for 300 s

  const json = async (url, options) => {
    const reply = await fetch(url, options);
    if (!reply.ok) throw new Error(reply.status);
    return reply.json();
  };

  const solve = (solver, challenge) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(solver);
      const end = (settle, value) => {
        worker.terminate();
        settle(value);
      };
      worker.onmessage = ({data}) => (data.payload ? end(resolve, data.payload) : end(reject, new Error(data.error)));
      worker.onerror = (event) => end(reject, new Error(event.message));
      worker.postMessage(challenge);
    });

  // The button works, and keeps its width; what it gives sets it free.
  const hold = (button) => {
    if (!button) return () => {};
    const text = button.textContent;
    button.style.minWidth = `${button.offsetWidth}px`;
    button.setAttribute("aria-disabled", "true");
    button.textContent = button.dataset.busy ?? text;
    return () => {
      button.removeAttribute("aria-disabled");
      button.style.minWidth = "";
      button.textContent = text;
    };
  };

  const guard = (field) => {
    const {captcha, work, solver, asks, doing, done} = field.dataset;
    const part = (name) => field.querySelector(`[data-${name}]`);
    const form = field.form;
    const [person, answer, id, kind] = ["person", "answer", "id", "kind"].map(part);
    let under, waiting = false, ready = false, works = able && Boolean(work) && person.hidden;

    const takes = (url) => captcha.split(" ").includes(new URL(url).pathname);
    const told = (text) => {
      field.hidden = false;
      field.querySelector("[role=status]").textContent = text;
    };

    const begun = async () => {
      const challenge = await json(work);
      return {id: challenge.parameters.data.id, payload: await solve(solver, challenge), at: performance.now()};
    };
    const begin = () => {
      under ??= begun();
      under.catch(() => {});
      return under;
    };

    const worked = async () => {
      let found = await begin();
      if (performance.now() - found.at > FRESH) {
        under = undefined;
        found = await begin();
      }
      id.value = found.id;
      answer.type = "hidden";
      answer.disabled = false;
      answer.value = found.payload;
    };

    // Another picture, or digits read out, in its place.
    const draw = async (wanted) => {
      const {id: key, kind: drawn, source} = await json(`/page/captcha?kind=${wanted}`, {
        headers: {"Accept-Language": document.documentElement.lang},
      });
      const [picture, sound] = [part("picture"), part("sound")];
      const [shown, other] = drawn === "spoken" ? [sound, picture] : [picture, sound];
      shown.src = source;
      shown.hidden = field.hidden = person.hidden = answer.disabled = works = false;
      other.hidden = true;
      sound.pause();
      id.value = key;
      kind.value = drawn;
      answer.type = "text";
      answer.value = "";
      told("");
      answer.focus();
      if (shown === sound) await sound.play().catch(() => {});
    };

    const asked = async () => {
      const whose = new URLSearchParams();
      for (const name of ["account", "country", "type"]) if (form.elements[name]) whose.set(name, form.elements[name].value);
      return (await json(asks, {method: "POST", body: whose})).asked;
    };

    // Whether the form may go; a picture has to be answered first. What sends a message takes a captcha whoever asks for it: data-pays.
    const passes = async (button) => {
      if (asks && !button?.hasAttribute("data-pays") && !(await asked())) return true;
      if (!works) return draw("picture");
      told(doing);
      try {
        await worked();
      } catch {
        return draw("picture");
      }
      told(done);
      return true;
    };

    kind.value ||= works ? "work" : "";
    if (works && !asks && takes(form.action)) form.addEventListener("focusin", begin, {once: true}); // a solution is good for minutes only

    form.addEventListener("submit", (event) => {
      const button = event.submitter;
      const action = button?.hasAttribute("formaction") ? button.formAction : form.action;
      if (button && "free" in button.dataset) return; // it sends no message
      if (event.defaultPrevented || ready || !person.hidden || !takes(action)) return;
      event.preventDefault();
      if (waiting) return;
      waiting = true;
      const idle = hold(button);
      // What cannot be had here, the server says.
      passes(button).catch(() => true).then((may) => {
        waiting = false;
        idle();
        ready = Boolean(may);
        // Not within the event, which a solution that was there already would still be in: browsers ignore that.
        if (ready) setTimeout(() => (button ? button.click() : form.requestSubmit()));
      });
    });
    addEventListener("pageshow", ({persisted}) => {
      if (!persisted || !ready) return;
      ready = false;
      under = undefined;
      answer.value = id.value = "";
      told("");
    });

    for (const button of field.querySelectorAll("[data-redraw]"))
      button.addEventListener("click", (event) => {
        event.preventDefault();
        draw(button.value).catch(() => button.form?.requestSubmit(button));
      });
  };

  document.querySelectorAll("[data-captcha]").forEach(guard);
})();
