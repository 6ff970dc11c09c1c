// One answer: its sentences with citation chips, its sources, and for a refusal what came nearest.

const CARD_GAP = 6; // px between a chip and its card
const EDGE = 8; // px between a card and the edge of the window
const ROLES = { title: "cite", lead: "strong" }; // parts of a sentence: the element of each
const CARD_DELAY = 120; // ms in which the pointer may cross from the chip to the card

function answer({ data: [data], parentElement, setTriggerValue }) {
  const drawing = JSON.stringify(data.answer);
  let view = views.get(parentElement);
  if (view?.drawing !== drawing) {
    view?.root.remove();
    view = { drawing, root: element("article", { class: "answer" }), opened: null };
    view.card = hoverCard(view.root);
    drawAnswer(view, data.answer);
    parentElement.append(view.root);
    views.set(parentElement, view);
  }
  view.open = (target) => setTriggerValue("open", target);
  showOpened(view, data.opened);
  return () => view.card.remove();
}

function drawAnswer(view, answer) {
  view.citations = new Map(answer.citations.map((citation) => [citation.n, citation]));
  view.root.append(
    ...noticeOf(answer),
    ...stripOf(answer),
    ...answer.lines.map((line) => sentence(view, line)),
    ...answer.disagreements.map((about) => disagreement(view, about)),
    ...nearestOf(view, answer),
    ...timelineOf(view, answer),
    ...sourcesOf(view, answer),
    element("footer", {}, answer.made),
  );
}

function noticeOf({ notice }) {
  if (!notice) return [];
  return [element("p", { class: "notice", role: "note", dir: "auto" }, element("strong", {}, "Note: "), notice)];
}

/** How many articles of how many outlets the answer stands on, and how new they are. */
function stripOf({ strip }) {
  if (!strip.length) return [];
  const facts = strip.flatMap((fact, place) => [...(place ? [" · "] : []), element("span", {}, fact)]);
  return [element("p", { class: "strip", "aria-label": "What this answer stands on" }, ...facts)];
}

function sentence(view, { parts, citations, support }) {
  const words = parts.map(({ text, role }) => (role in ROLES ? element(ROLES[role], {}, text) : text));
  const line = element("p", { class: support ? "claim" : "words", dir: "auto" }, ...words);
  const proof = element("span", { class: "proof" }, ...citations.map((n) => chip(view, n)));
  if (support) proof.append(supportBadge(support));
  line.append(" ", proof);
  return line;
}

function supportBadge({ name, sign, word, hint }) {
  return element(
    "span",
    { class: `support ${name}`, title: hint },
    element("span", { "aria-hidden": "true" }, sign),
    ` ${word}`,
  );
}

function chip(view, n) {
  const citation = view.citations.get(n);
  const label = `Citation ${n}: ${citation.headline}, ${citation.byline}`;
  const button = element("button", { class: "chip", type: "button", "data-n": n, "aria-label": label }, `[${n}]`);
  button.addEventListener("click", () => {
    view.card.hide();
    view.open({ kind: "citation", n });
  });
  button.addEventListener("pointerenter", () => view.card.show(button, citation));
  button.addEventListener("pointerleave", () => view.card.hideSoon());
  button.addEventListener("focus", () => !view.quiet && button.matches(":focus-visible") && view.card.show(button, citation));
  button.addEventListener("blur", () => view.card.hide());
  button.addEventListener("keydown", (event) => event.key === "Escape" && view.card.hide());
  return button;
}

/** Those who speak against each other side by side, each with its own words. */
function disagreement(view, { about, sides }) {
  const columns = sides.map((side, place) =>
    element("li", {}, element("h5", {}, `Side ${place + 1}`), ...side.map((n) => source(view, view.citations.get(n), "div"))),
  );
  return element(
    "section",
    { class: "disagreement", "aria-label": "Sources disagree" },
    element("h4", { dir: "auto" }, element("span", { "aria-hidden": "true" }, "⇄ "), "Sources disagree", about ? `: “${about}”` : ""),
    element("ul", { class: "sides" }, ...columns),
  );
}

function nearestOf(view, { searched, nearest }) {
  if (!searched) return [];
  const parts = [element("p", { class: "searched" }, element("strong", {}, "What was searched: "), searched)];
  if (nearest.length) {
    parts.push(element("h4", {}, "Nearest passages, not an answer"));
    parts.push(...nearest.map((passage) => nearestPassage(view, passage)));
  }
  return [element("section", { class: "refusal", "aria-label": "What was searched" }, ...parts)];
}

function nearestPassage(view, { rank, headline, byline, text, also }) {
  const open = element("button", { class: "plain", type: "button" }, "Read it in the article");
  open.addEventListener("click", () => view.open({ kind: "passage", n: rank }));
  return element(
    "details",
    { "data-rank": rank },
    element("summary", { dir: "auto" }, `${rank}. ${headline}`, element("span", { class: "byline" }, ` · ${byline}`)),
    element("blockquote", { dir: "auto" }, text),
    ...(also ? [element("p", { class: "byline", dir: "auto" }, `Also in: ${also}`)] : []),
    open,
  );
}

/** The cited articles as they came, from the first to the latest, each with the way to its words. */
function timelineOf(view, { timeline }) {
  if (!timeline) return [];
  const stops = timeline.stops.map(({ day, since, outlet, headline, citations }) =>
    element(
      "li",
      {},
      element("div", { class: "byline" }, element("time", { datetime: day }, day), since ? ` · ${since}` : "", outlet ? ` · ${outlet}` : ""),
      element("div", { dir: "auto" }, headline, " ", element("span", { class: "proof" }, ...citations.map((n) => chip(view, n)))),
    ),
  );
  return [
    element(
      "section",
      { class: "timeline", "aria-label": "Timeline of the cited articles" },
      element("h4", {}, "Timeline"),
      element("ol", {}, ...stops),
      timeline.undated ? element("p", { class: "byline" }, timeline.undated) : null,
    ),
  ];
}

function sourcesOf(view, { citations, sources }) {
  if (!citations.length) return [];
  return [
    element(
      "details",
      { class: "sources", open: true },
      element("summary", {}, `Sources: ${sources}`),
      element("ol", {}, ...citations.map((citation) => source(view, citation))),
    ),
  ];
}

function source(view, citation, tag = "li") {
  return element(tag, { class: "source" }, chip(view, citation.n), element("div", {}, ...cited(citation)));
}

/** Headline, byline, speaker and exact quote: the same in the list of sources and on the card. */
function cited({ headline, byline, speaker, quote, lost }) {
  return [
    element("div", { class: "headline", dir: "auto" }, headline),
    element("div", { class: "byline", dir: "auto" }, speaker ? `${byline} · ${speaker}` : byline),
    element("blockquote", { dir: "auto" }, quote),
    lost ? element("div", { class: "lost" }, `! ${lost}.`) : null,
  ].filter(Boolean);
}

/** The card over a chip. It lives in the browser's top layer, so that nothing around it cuts it off. */
function hoverCard(root) {
  const card = element("div", { class: "card", popover: "manual", role: "tooltip", id: "card" });
  let timer = 0;
  let described = null;

  function hide() {
    clearTimeout(timer);
    window.removeEventListener("scroll", hide, true);
    if (card.isConnected && card.matches(":popover-open")) card.hidePopover();
    described?.removeAttribute("aria-describedby");
    described = null;
  }

  function hideSoon() {
    clearTimeout(timer);
    timer = setTimeout(hide, CARD_DELAY);
  }

  function show(chip, citation) {
    hide();
    card.replaceChildren(...cited(citation));
    root.append(card);
    card.showPopover();
    place(card, chip.getBoundingClientRect());
    chip.setAttribute("aria-describedby", card.id);
    described = chip;
    window.addEventListener("scroll", hide, { capture: true, once: true });
  }

  card.addEventListener("pointerenter", () => clearTimeout(timer));
  card.addEventListener("pointerleave", hideSoon);
  return { show, hide, hideSoon, remove: hide };
}

/** Over the chip when there is room, else under it, and inside the window. */
function place(card, chip) {
  const { width, height } = card.getBoundingClientRect();
  const left = Math.min(Math.max(EDGE, chip.left - EDGE), window.innerWidth - width - EDGE);
  const over = chip.top - height - CARD_GAP;
  card.style.left = `${Math.max(EDGE, left)}px`;
  card.style.top = `${over >= EDGE ? over : chip.bottom + CARD_GAP}px`;
}

/** Show which chip's article is open; keep it in sight when the page makes room, give it the focus back on closing. */
function showOpened(view, opened) {
  const before = view.opened;
  view.opened = opened;
  for (const chip of view.root.querySelectorAll(".chip")) {
    chip.setAttribute("aria-pressed", Number(chip.dataset.n) === opened);
  }
  const changed = view.root.querySelector(`.chip[data-n="${opened ?? before}"]`);
  if (!changed || before === opened) return;
  if (opened !== null) setTimeout(() => changed.scrollIntoView({ block: "nearest" }), CARD_DELAY);
  else if (document.activeElement === document.body) {
    view.quiet = true; // the reader comes back from the article, and need not be shown its words again
    changed.focus({ preventScroll: true });
    view.quiet = false;
  }
}
