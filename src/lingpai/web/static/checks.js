// Looks a form over before it is sent, so that whoever forgot something loses nothing by it, and is told in the page's words: all at
// once, beside the fields and in a summary as the server writes it. What is checked: data-missing, data-short (with minlength) and
// data-email, each with its sentence; <template data-summary="before the title"> stands in the form. The server checks everything itself.
(() => {
  const ADDRESS = /^[^\s@＠]+[@＠][^\s@＠]+[.。．｡][^\s@＠]+$/;

  const reason = (field) => {
    const {missing, short, email} = field.dataset;
    const ticked = ["checkbox", "radio"].includes(field.type);
    if (missing && (ticked ? field.validity.valueMissing : !field.value.trim())) return missing;
    if (!field.value) return "";
    if (short && [...field.value.normalize("NFC")].length < field.minLength) return short;
    return email && !ADDRESS.test(field.value.trim()) ? email : "";
  };

  const describe = (field, id, yes) => {
    const ids = new Set((field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    yes ? ids.add(id) : ids.delete(id);
    ids.size ? field.setAttribute("aria-describedby", [...ids].join(" ")) : field.removeAttribute("aria-describedby");
    yes ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
  };

  const forget = (form) => {
    for (const old of form.querySelectorAll(".summary, p.error")) old.remove();
    for (const field of form.querySelectorAll("[aria-invalid]")) describe(field, `${field.id}-error`, false);
  };

  const line = (text, into, name) => {
    const said = document.createElement("p");
    said.className = name;
    said.textContent = text;
    into.append(said);
    return said;
  };

  const tell = (template, faults) => {
    const summary = template.content.firstElementChild.cloneNode(true);
    for (const [field, text] of faults) {
      const link = document.createElement("a");
      link.href = `#${field.id}`;
      link.textContent = text;
      line("", summary, "").append(link);
      line(text, field.closest(".field"), "error").id = `${field.id}-error`;
      describe(field, `${field.id}-error`, true);
    }
    template.before(summary);
    if (!document.title.startsWith(template.dataset.summary)) document.title = template.dataset.summary + document.title;
    summary.focus();
  };

  for (const template of document.querySelectorAll("template[data-summary]")) {
    const form = template.closest("form");
    form.noValidate = true;
    form.addEventListener("submit", (event) => {
      if (event.submitter?.formNoValidate) return;
      const looked = [...form.elements].filter((field) => field.id && field.willValidate && !field.closest("[hidden]"));
      const faults = looked.map((field) => [field, reason(field)]).filter(([, text]) => text);
      if (!faults.length) return;
      event.preventDefault();
      forget(form);
      tell(template, faults);
    });
  }
})();
