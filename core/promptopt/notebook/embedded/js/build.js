// Makes ../static: one file of script with everything in it, and the licences of what is in it.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const PARTS = ["@xterm/xterm", "@xterm/addon-fit", "@xterm/addon-unicode11", "@xterm/addon-webgl"];

await build({
  entryPoints: ["src/index.js"],
  outfile: "../static/terminal.js",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2021",
  charset: "utf8",
  legalComments: "none",
  loader: { ".css": "text", ".woff2": "base64" },
  banner: { js: "/* Made by js/build.js; the licences of its parts are in LICENSES.txt. */" },
});

const licences = PARTS.map((name) => {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  return `${name} ${version}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`;
});
licences.push(`DejaVu Sans Mono 2.37 (a part of its characters)\n\n${readFileSync("fonts/LICENSE", "utf8").trim()}\n`);
writeFileSync("../static/LICENSES.txt", licences.join(`\n${"-".repeat(80)}\n\n`).replaceAll("\r", ""));
