// Draws the tree that a page sends, and reports what a person does. Every text becomes a text node: nothing in the data
// is ever read as markup, and only the tags and attributes listed here exist. Elements are kept and changed in place, so
// focus, open details and the scroll position stay where they are while a page is searched again.

const TAGS = new Set(`section article header footer nav div h1 h2 h3 h4 p ul ol li dl dt dd span strong em mark small code
 pre bdi button a details summary table thead tbody tr th td caption form label input select option fieldset legend output
 time hr`.split(/\s+/));
const ATTRIBUTES = new Set(`id class href type name value checked selected disabled open min max step placeholder
 autocomplete dir lang role for title scope colspan datetime rows maxlength inputmode tabindex fill from shortcut`.split(/\s+/));
const LIVE = new Set(["value", "checked", "selected", "open", "disabled"]); // properties that a person changes

function allowed(name, value) {
  if (name === "href") return /^(\.\/[a-z]*)?[?#]/.test(value);
  return ATTRIBUTES.has(name) || /^(aria|data)-[a-z-]+$/.test(name);
}

function setAttributes(element, wanted, before) {
  for (const name of Object.keys(before)) {
    if (name in wanted) continue;
    element.removeAttribute(name);
    if (LIVE.has(name)) element[name] = name === "value" ? "" : false;
  }
  for (const [name, value] of Object.entries(wanted)) {
    if (!allowed(name, String(value)) || before[name] === value) continue;
    if (name === "fill" || name === "from") element.style.setProperty(`--${name}`, Number(value));
    else if (name === "open" && "open" in before) continue; // a person opened or closed it
    else element.setAttribute(name, value === true ? "" : String(value));
    if (LIVE.has(name)) element[name] = value;
  }
}

function listen(element, events, report) {
  for (const [event, stop] of Object.entries(element.heard || {})) element.removeEventListener(event, stop);
  element.heard = {};
  for (const [event, [action, value]] of Object.entries(events)) {
    const hear = (occurred) => {
      if (event === "click" && (occurred.ctrlKey || occurred.metaKey)) return; // a link opens in a tab of its own
      if (event === "submit" || (event === "click" && element.tagName === "A")) occurred.preventDefault();
      const form = element.tagName === "FORM" ? element : element.form;
      report(action, value, form ? fields(form) : null, element);
    };
    element.addEventListener(event, hear);
    element.heard[event] = hear;
  }
}

function fields(form) {
  const held = {};
  for (const [name, value] of new FormData(form)) (held[name] ||= []).push(String(value));
  return held;
}

function make(node) {
  if (typeof node === "string") return document.createTextNode(node);
  if (!TAGS.has(node.t)) return document.createTextNode("");
  return document.createElement(node.t);
}

const keyOf = (drawn) => (typeof drawn === "string" ? null : drawn?.a["data-key"] ?? null);

function same(element, node) {
  if (typeof node === "string") return element.nodeType === Node.TEXT_NODE;
  if (element.nodeType !== Node.ELEMENT_NODE || element.tagName.toLowerCase() !== node.t) return false;
  return keyOf(element.drawn) === keyOf(node);
}

// The element to become `node` at a place: the one that stands there, the one with its key from further on, or a new one.
function place(parent, position, node) {
  const here = parent.childNodes[position];
  if (here && same(here, node)) return here;
  const kept = keyOf(node) === null ? null : [...parent.childNodes].slice(position + 1).find((child) => same(child, node));
  const element = kept ?? make(node);
  if (here && !kept && keyOf(here.drawn) === null) parent.replaceChild(element, here);
  else parent.insertBefore(element, here ?? null);
  return element;
}

function draw(parent, nodes, report) {
  nodes.forEach((node, position) => {
    const element = place(parent, position, node);
    if (typeof node === "string") {
      if (element.data !== node) element.data = node;
    } else if (TAGS.has(node.t)) {
      setAttributes(element, node.a, element.drawn?.a || {});
      listen(element, node.on, report);
      draw(element, node.c, report);
      if (node.t === "select") element.value = node.c.find((option) => option.a.selected)?.a.value ?? element.value;
      element.drawn = node;
    }
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}

function shortcuts(root) {
  return (pressed) => {
    const typing = pressed.composedPath()[0]?.closest?.("input, select, textarea, [contenteditable]");
    if (typing || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
    const wanted = [...root.querySelectorAll("[shortcut]")].find((one) => one.getAttribute("shortcut") === pressed.key);
    if (!wanted) return;
    pressed.preventDefault();
    if (wanted.hasAttribute("data-press")) return wanted.click();
    wanted.focus();
    wanted.select?.();
  };
}

let asked = 0;

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".view");
  const report = (action, value, form, element) => {
    if (action === "copy") return copy(element, value);
    if (action === "toggle") return toggle(root, element, value);
    if (action === "go") return go(element.href);
    root.setAttribute("aria-busy", "true");
    setTriggerValue("asked", { action, value, form, number: ++asked });
  };
  const active = parentElement.activeElement;
  draw(root, data.nodes, report);
  if (active?.isConnected && parentElement.activeElement !== active) active.focus({ preventScroll: true });
  root.removeAttribute("aria-busy");
  if (root.press) document.removeEventListener("keydown", root.press); // drawn again: one listener, not one per drawing
  root.press = shortcuts(root);
  document.addEventListener("keydown", root.press);
  return () => document.removeEventListener("keydown", root.press);
}

// Leads to another page as the browser's own back and forward do. Not the server but Streamlit's side of the browser
// leaves the old page then, and stops its clocks first: a question of an old page's clock that reaches the server while
// the new page is drawn there makes Streamlit empty the new page and forget what it was asked.
function go(address) {
  window.history.pushState({}, "", address);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

function toggle(root, button, id) {
  const shown = root.querySelector(`#${CSS.escape(id)}`).toggleAttribute("data-shown");
  button.setAttribute("aria-expanded", shown);
}

async function copy(element, address) {
  const text = new URL(address, window.location.href).href;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    window.prompt("Copy this link:", text);
    return;
  }
  const label = element.textContent;
  element.textContent = "Link copied";
  setTimeout(() => { element.textContent = label; }, 1500);
}
