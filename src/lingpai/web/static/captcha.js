// Lets the browser work instead of the person: where it can, the picture goes and the form carries the solution.
//
//   <fieldset data-pow="URL of a challenge" data-solver="URL of pow.js" data-done="what to say then">
//     <div data-person> <img data-picture> <audio data-sound> <button value="picture|spoken" data-redraw>, and <input data-answer> </div>
//     <input type="hidden" data-id> <input type="hidden" data-kind> <p role="status"></p>
//   </fieldset>
//
// Without a secure context, without scripts, and whenever anything fails, the picture stays and serves.
(() => {
  const able = isSecureContext && "Worker" in window && "crypto" in window && "subtle" in crypto;

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

  const relieve = async (field) => {
    const answer = field.querySelector("[data-answer]");
    const reply = await fetch(field.dataset.pow);
    if (!reply.ok) return;
    const challenge = await reply.json();
    const payload = await solve(field.dataset.solver, challenge);
    if (answer.value) return; // the person was faster, and the picture's answer belongs to the picture's id
    field.querySelector("[data-id]").value = challenge.parameters.data.id;
    answer.type = "hidden";
    answer.value = payload;
    field.querySelector("[data-person]").hidden = true;
    field.querySelector("[role=status]").textContent = field.dataset.done;
  };

  // Another picture, or digits read out, in its place. What fails goes the way without scripts.
  const redraw = async (button) => {
    const field = button.closest("fieldset");
    const part = (name) => field.querySelector(`[data-${name}]`);
    const reply = await fetch(`/page/captcha?kind=${button.value}`, {headers: {"Accept-Language": document.documentElement.lang}});
    const {id, kind, source} = await reply.json();
    const [picture, sound] = [part("picture"), part("sound")];
    const [shown, other] = kind === "spoken" ? [sound, picture] : [picture, sound];
    shown.src = source;
    shown.hidden = false;
    other.hidden = true;
    sound.pause();
    part("id").value = id;
    part("kind").value = kind;
    part("answer").value = "";
    part("answer").focus();
    if (shown === sound) await sound.play().catch(() => {});
  };
  for (const button of document.querySelectorAll("[data-redraw]"))
    button.addEventListener("click", (event) => {
      event.preventDefault();
      redraw(button).catch(() => button.form.requestSubmit(button));
    });

  // Only once somebody fills in the form: a solution is good for five minutes.
  for (const field of able ? document.querySelectorAll("[data-pow]") : [])
    field.form.addEventListener("focusin", () => relieve(field).catch(() => {}), {once: true});
})();
