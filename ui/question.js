// A question as it was typed. A new one comes into sight.

export default function ({ data, parentElement }) {
  if (kept.has(parentElement)) return;
  const words = element("p", { class: "question", dir: "auto" }, data.question);
  kept.set(parentElement, words);
  parentElement.append(words);
  if (data.fresh) requestAnimationFrame(() => words.scrollIntoView({ block: "start" }));
}
