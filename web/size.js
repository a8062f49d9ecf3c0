// Says how much a browser has to fetch, and fails beyond what was agreed.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const MOST = 190 * 1024;
const folder = new URL("./dist/", import.meta.url);
const files = readdirSync(folder).filter((name) => /\.(js|css)$/.test(name));
const total = files.reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, folder))).length, 0);
console.log(`JavaScript + CSS, gzipped: ${(total / 1024).toFixed(1)} KB (at most ${MOST / 1024} KB)`);
process.exit(total > MOST ? 1 : 0);
