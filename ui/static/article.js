// The article beside the chat: its whole text with the opened words marked, and the way to the other marks.

function article({ data: [data], parentElement, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) {
    view = { root: element("section", { class: "pane" }), serial: null };
    view.root.addEventListener("keydown", (event) => event.key === "Escape" && view.close());
    parentElement.append(view.root);
    views.set(parentElement, view);
  }
  view.open = (target) => setTriggerValue("open", target);
  view.close = () => {
    parentElement.activeElement?.blur(); // the answer then knows that the focus is free, and takes it back to its chip
    setTriggerValue("close", true);
  };
  if (view.serial === data.serial) return;
  view.serial = data.serial;
  drawArticle(view, data.article);
}

function drawArticle(view, article) {
  const scroller = element("div", { class: "text", tabindex: "0", role: "document", "aria-label": "Article text" });
  scroller.append(...article.paragraphs.filter((line) => line.length).map(paragraph), ...removed(article));
  view.root.setAttribute("aria-label", `Article: ${article.headline}`);
  view.root.replaceChildren(toolbar(view, article), heading(article), scroller);
  requestAnimationFrame(() => {
    scroller.focus({ preventScroll: true });
    showMark(scroller);
  });
}

function toolbar(view, { position, previous, next, copy }) {
  return element(
    "nav",
    { "aria-label": "Citations of this answer" },
    step(view, "‹", "Previous citation", previous),
    element("span", { class: "position", "aria-live": "polite" }, position),
    step(view, "›", "Next citation", next),
    element("span", { class: "space" }),
    copyButton(copy),
    press(element("button", { type: "button", "aria-label": "Close the article", title: "Close" }, "×"), () => view.close()),
  );
}

function step(view, sign, label, target) {
  const button = element("button", { type: "button", "aria-label": label, title: label, disabled: target === null }, sign);
  return press(button, () => view.open(target));
}

function copyButton(words) {
  const button = element("button", { type: "button", title: "Copy the marked words with who said them and where" }, "Copy quote");
  return press(button, async () => {
    try {
      await navigator.clipboard.writeText(words);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => (button.textContent = "Copy quote"), 1500);
  });
}

function press(button, action) {
  button.addEventListener("click", action);
  return button;
}

function heading({ headline, details, speaker, lost }) {
  return element(
    "header",
    {},
    element("h3", { dir: "auto" }, headline),
    element("p", { class: "details", dir: "auto" }, details.join(" · ")),
    speaker ? element("p", { class: "details", dir: "auto" }, `Speaker: ${speaker}`) : null,
    lost ? element("p", { class: "lost", role: "note" }, `! ${lost}. These are the words that were quoted.`) : null,
  );
}

function paragraph(line) {
  const marked = ({ text, role }) => (role === "plain" ? text : element("mark", { class: role }, text));
  return element("p", { dir: "auto" }, ...line.map(marked));
}

function removed({ removed: lines }) {
  if (!lines.length) return [];
  const items = lines.map(({ line, text, reason }) =>
    element("li", { dir: "auto" }, element("span", { class: "details" }, `line ${line}, ${reason}: `), text),
  );
  const count = lines.length === 1 ? "1 line" : `${lines.length} lines`;
  return [element("details", {}, element("summary", {}, `Show what was removed (${count})`), element("ul", {}, ...items))];
}

/** Scroll the article, and never the page, until the mark stands in its upper third. */
function showMark(scroller) {
  const mark = scroller.querySelector("mark.current");
  if (!mark) return;
  const away = mark.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  scroller.scrollBy({ top: away - scroller.clientHeight / 3, behavior: calm ? "instant" : "smooth" });
}
