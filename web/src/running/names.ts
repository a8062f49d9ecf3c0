/** Which workflow a job came from: the server does not know, so this browser remembers it. */

const KEPT = "nodegraph.jobs";
const MOST = 300;

let known: Map<string, string> | null = null;

function read(): Map<string, string> {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    const pairs = Array.isArray(found) ? found.filter((each): each is [string, string] => Array.isArray(each) && each.length === 2 && each.every((part) => typeof part === "string")) : [];
    return new Map(pairs);
  } catch {
    return new Map();
  }
}

/** The name of the workflow that a job ran; null if it was not sent from this browser, or long ago. */
export const nameOf = (job: string): string | null => (known ??= read()).get(job) ?? null;

export function remember(job: string, name: string): void {
  // Other windows remember theirs in the same place.
  known = new Map([...read().set(job, name)].slice(-MOST));
  try {
    localStorage.setItem(KEPT, JSON.stringify([...known]));
  } catch {
    // A full store costs names only.
  }
}
