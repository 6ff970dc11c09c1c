// A question as it was typed. It comes into sight when it is new, and whenever it is shown anew.

function question({ data: [data], parentElement }) {
  let view = views.get(parentElement);
  if (!view) {
    view = { words: element("p", { class: "question", dir: "auto" }), shown: null };
    parentElement.append(view.words);
    views.set(parentElement, view);
  }
  if (view.words.textContent !== data.question) view.words.textContent = data.question;
  if (data.shown !== null && data.shown !== view.shown) {
    requestAnimationFrame(() => view.words.scrollIntoView({ block: "start" }));
  }
  view.shown = data.shown;
}
