// Where the mouse was in between is of no use to the program; each report would be a message to the kernel.
const REPORT = /\x1b\[<(\d+);\d+;\d+[Mm]/y;
const MOVED = 32;

// Keys as they were typed; of moves of the mouse in a row the last, and none while nobody is at it.
export function condensed(text, focused) {
  let out = "";
  let moved = "";
  for (let at = 0; at < text.length; ) {
    REPORT.lastIndex = at;
    const report = REPORT.exec(text);
    if (report && Number(report[1]) & MOVED) moved = report[0];
    else {
      out += moved + (report ? report[0] : text[at]);
      moved = "";
    }
    at += report ? report[0].length : 1;
  }
  return focused ? out + moved : out;
}
