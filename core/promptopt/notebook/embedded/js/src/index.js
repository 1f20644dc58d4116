// The two ways to the program: over the kernel's comm channel (a widget), or over a WebSocket (a page in a frame).
import { Screen } from "./screen.js";

// A widget: anywidget calls render() for every view of the model.
export default {
  render({ model, el }) {
    const screen = new Screen(el, {
      rows: model.get("rows"),
      send: (message) => model.send(message),
    });
    const heard = (message, buffers) => screen.heard(message, buffers[0]);
    // When the kernel goes its comms go, and the model says so; a view that is shown later begins anew.
    const lost = () => screen.lost("The kernel of this cell is gone. Runs go on. Carry the cell out again to watch them.");
    model.on("msg:custom", heard);
    model.on("comm_live_update", lost);
    screen.attach();
    return () => {
      model.off("msg:custom", heard);
      model.off("comm_live_update", lost);
      screen.close();
    };
  },
};

const GONE = "The connection is gone. Runs go on.";
const AGAIN = [500, 2000, 5000]; // milliseconds until the next try

// A page: a message is a text, followed by a binary one if it has bytes.
export function openPage(el) {
  let socket;
  let waiting;
  let tries = 0;
  const screen = new Screen(el, {
    send: (message) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message)),
    reconnect: connect,
    fills: true,
  });
  function connect() {
    // Relative to the page, so that it also works behind a proxy that puts something before the path.
    const url = new URL("ws", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      tries = 0;
      screen.attach();
    };
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") {
        screen.heard(waiting, new DataView(data));
        return;
      }
      waiting = JSON.parse(data);
      if (waiting.kind !== "out") screen.heard(waiting);
    };
    socket.onclose = ({ code, reason }) => {
      if (code === 4000) screen.lost(reason);
      else if (tries < AGAIN.length) setTimeout(connect, AGAIN[tries++]);
      else screen.lost(GONE);
    };
  }
  connect();
  window.addEventListener("pagehide", () => screen.close());
  return screen;
}
