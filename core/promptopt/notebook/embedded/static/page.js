import { openPage } from "./terminal.js";

openPage(document.getElementById("terminal"));
