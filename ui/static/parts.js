// Put after the scripts of the components, of which it makes one module.

// The page's own part, drawn first on every page, brings its style sheet, and so the browser has read all of this module,
// and what Streamlit mounts it with, before the first question is asked.
const parts = { page() {}, question, answer, article };

export default (mount) => parts[mount.name.replace("onrecord.", "")](mount);
