// Put before each component's script.

/** Make an element. Strings among the children become text nodes: what an article says is never parsed as markup. */
function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** What a component keeps between the page's runs, by the place it is mounted in. */
const views = new WeakMap();
