// A terminal in an element: keys and sizes go to the program, its output comes back.
import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import xtermCss from "@xterm/xterm/css/xterm.css";
import bold from "../fonts/DejaVuSansMono-Bold.woff2";
import regular from "../fonts/DejaVuSansMono.woff2";
import ownCss from "./screen.css";
import { condensed } from "./keys.js";

const FONT = "promptopt DejaVu Sans Mono";
const TOGETHER = 25; // milliseconds in which keys and moves of the mouse are sent as one
const SEEN = 65536; // bytes that are shown until the program is told so
const ALIVE = 20000; // milliseconds until it is told in any case
const SETTLE = 80; // milliseconds that a size must hold

let fonts;

// The characters are in this file, so nothing is fetched; a browser that refuses them has its own.
function loadFonts() {
  fonts ??= Promise.all(
    [[regular, "400"], [bold, "700"]].map(async ([base64, weight]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      document.fonts.add(await new FontFace(FONT, bytes, { weight }).load());
    }),
  ).catch(() => {});
  return fonts;
}

export class Screen {
  // send(message) goes to the program; rows: height in lines at first; fills: it is as high as its element.
  constructor(el, { send, rows = 36, reconnect, fills = false }) {
    this.view = crypto.randomUUID?.() ?? `${Math.random()}`.slice(2);
    this.send = (kind, more = {}) => this.gone || send({ kind, view: this.view, ...more });
    this.reconnect = reconnect;
    this.rows = rows;
    this.fills = fills;
    this.pending = "";
    this.shown = 0;
    this.told = 0;
    this.closed = false;
    this.#build(el);
    this.ready = loadFonts().then(() => !this.closed && this.#open());
  }

  // Ask the program to show itself here.
  async attach() {
    await this.ready;
    if (this.closed) return;
    this.gone = false;
    this.#fit();
    this.#note();
    this.send("attach", { cols: this.term.cols, rows: this.term.rows });
  }

  heard(message, bytes) {
    if (this.closed || !this.term || message.view !== this.view) return;
    if (message.kind === "out") this.#write(bytes);
    else if (message.kind === "begun") this.#begin();
    else if (message.kind === "ended") this.#note(message.text, "Open it again");
    else if (message.kind === "elsewhere") this.#note("It is shown in another place now.", "Show it here");
  }

  // Nothing comes any more from where it came.
  lost(text) {
    this.gone = true;
    this.#note(text, this.reconnect && "Try again");
  }

  close() {
    if (this.closed) return;
    this.send("left");
    this.closed = true;
    clearInterval(this.alive);
    clearTimeout(this.flushing);
    clearTimeout(this.settling);
    this.watching?.disconnect();
    this.term?.dispose();
    this.box.remove();
  }

  #build(el) {
    const style = document.createElement("style");
    style.textContent = `${xtermCss}\n${ownCss}`;
    this.box = document.createElement("div");
    this.box.className = this.fills ? "promptopt-tui promptopt-fills" : "promptopt-tui";
    this.box.setAttribute("role", "application");
    this.box.setAttribute("aria-busy", "true");
    this.box.setAttribute("aria-label", "promptopt, a terminal application");
    // JupyterLab and VS Code listen for keys as well.
    this.box.setAttribute("data-lm-suppress-shortcuts", "true");
    for (const kind of ["keydown", "keyup", "keypress", "paste", "contextmenu"])
      this.box.addEventListener(kind, (event) => event.stopPropagation());
    this.inside = document.createElement("div");
    this.inside.className = "promptopt-inside";
    this.says = document.createElement("div");
    this.says.className = "promptopt-says";
    this.says.setAttribute("role", "status");
    this.says.hidden = true;
    this.box.append(style, this.inside, this.says);
    el.append(this.box);
  }

  #open() {
    const term = new Terminal({
      fontFamily: `"${FONT}", "DejaVu Sans Mono", Menlo, Consolas, monospace`,
      fontSize: 13,
      lineHeight: 1.15,
      scrollback: 0,
      allowProposedApi: true,
      rescaleOverlappingGlyphs: true,
      macOptionIsMeta: true,
      // Links in what a model wrote are not for clicking.
      linkHandler: { activate() {} },
    });
    this.term = term;
    this.fitting = new FitAddon();
    term.loadAddon(this.fitting);
    term.loadAddon(new Unicode11Addon());
    term.unicode.activeVersion = "11";
    term.open(this.inside);
    this.#drawFast();
    if (!this.fills) this.#setHeight();
    term.parser.registerOscHandler(52, (data) => this.#copy(data));
    // The page scrolls as ever until one has clicked into the terminal.
    term.attachCustomWheelEventHandler(() => this.focused);
    // The browser pastes what is on its clipboard; the program would paste what it copied itself.
    term.attachCustomKeyEventHandler(({ ctrlKey, altKey, code }) => !(ctrlKey && !altKey && code === "KeyV"));
    term.onData((text) => this.#type(text));
    term.textarea.addEventListener("focus", () => this.#focus(true));
    term.textarea.addEventListener("blur", () => this.#focus(false));
    this.watching = new ResizeObserver(() => {
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.#resized(), SETTLE);
    });
    this.watching.observe(this.inside);
    this.alive = setInterval(() => this.#tell(), ALIVE);
  }

  // Lines of boxes and charts have no gaps when the graphics card draws them; without one they are text.
  #drawFast() {
    try {
      const webgl = new WebglAddon();
      webgl.onContextLoss(() => webgl.dispose());
      this.term.loadAddon(webgl);
    } catch {
      this.term.options.lineHeight = 1;
    }
  }

  #setHeight() {
    const line = this.inside.querySelector(".xterm-screen").clientHeight / this.term.rows || 17;
    this.box.style.height = `${Math.ceil(line * this.rows) + 10}px`;
  }

  #fit() {
    const wanted = this.fitting.proposeDimensions();
    if (wanted && wanted.cols > 1 && wanted.rows > 1) this.term.resize(wanted.cols, wanted.rows);
  }

  #resized() {
    const { cols, rows } = this.term;
    // A cell that is scrolled out of sight or in another tab has no size.
    if (this.closed || !this.inside.clientWidth || !this.inside.clientHeight) return;
    this.#fit();
    if (cols !== this.term.cols || rows !== this.term.rows)
      this.send("size", { cols: this.term.cols, rows: this.term.rows });
  }

  #begin() {
    this.shown = this.told = 0;
    this.#note();
    this.term.write("\x1bc");
    if (this.focused) this.send("focus");
  }

  #write(data) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.term.write(bytes, () => {
      this.shown += bytes.length;
      this.box.setAttribute("aria-busy", "false");
      if (this.shown - this.told >= SEEN) this.#tell();
      this.#edge();
    });
  }

  #tell() {
    this.told = this.shown;
    this.send("seen", { bytes: this.shown });
  }

  // What is left over at the edge has the colour of the last cell.
  #edge() {
    const { active } = this.term.buffer;
    const cell = active.getLine(active.baseY + this.term.rows - 1)?.getCell(this.term.cols - 1);
    if (cell?.isBgRGB()) this.box.style.backgroundColor = `#${cell.getBgColor().toString(16).padStart(6, "0")}`;
  }

  #focus(on) {
    this.focused = on;
    this.send(on ? "focus" : "blur");
  }

  #type(text) {
    if (!this.says.hidden) return;
    this.pending += text;
    if (this.flushing) return;
    this.#flush();
    this.flushing = setTimeout(() => {
      this.flushing = undefined;
      this.#flush();
    }, TOGETHER);
  }

  #flush() {
    const text = condensed(this.pending, this.focused);
    this.pending = "";
    if (text) this.send("keys", { text });
  }

  // OSC 52 puts a text on the clipboard; what asks for the clipboard gets no answer.
  #copy(data) {
    const base64 = data.slice(data.indexOf(";") + 1);
    if (!base64 || base64 === "?") return true;
    let text;
    try {
      text = new TextDecoder().decode(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
    } catch {
      return true;
    }
    Promise.resolve(navigator.clipboard?.writeText(text) ?? Promise.reject()).catch(() => copyByHand(text, this.term));
    return true;
  }

  // Say something over the screen, with a button; without a text it goes.
  #note(text, button) {
    this.says.replaceChildren();
    this.says.hidden = !text;
    if (!text) return;
    const words = document.createElement("p");
    words.textContent = text;
    this.says.append(words);
    if (!button) return;
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = button;
    again.addEventListener("click", () => {
      if (button === "Try again") {
        this.#note();
        this.reconnect();
      } else this.attach();
      this.term.focus();
    });
    this.says.append(again);
    if (this.focused) again.focus();
  }
}

function copyByHand(text, term) {
  const field = document.createElement("textarea");
  field.value = text;
  field.style.cssText = "position:fixed;opacity:0";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  term.focus();
}
