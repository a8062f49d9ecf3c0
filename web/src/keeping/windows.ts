/** Which workflows other windows of this browser have open: two that change the same one would get in each other's way. */

import { get, set, sheet } from "../store";

type Message = { readonly kind: "here" | "who"; readonly window: string; readonly name: string } | { readonly kind: "gone"; readonly window: string };

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("nodegraph");
const names = new Map<string, string>();

/** Tell the others what is shown here, and listen to them; gives a function that tells it anew. */
export function watchWindows(me: string): () => void {
  let told = "";
  const tell = () => {
    const { name } = sheet();
    if (name === told) return;
    told = name;
    say({ kind: "here", window: me, name });
  };
  channel?.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    if (data.kind === "gone") names.delete(data.window);
    else names.set(data.window, data.name);
    if (data.kind === "who") say({ kind: "here", window: me, name: told });
    const elsewhere = new Set(names.values());
    if (!isSame(elsewhere, get().elsewhere)) set({ elsewhere });
  });
  addEventListener("pagehide", () => say({ kind: "gone", window: me }));
  told = sheet().name;
  say({ kind: "who", window: me, name: told });
  return tell;
}

const say = (message: Message) => channel?.postMessage(message);

const isSame = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => a.size === b.size && [...a].every((each) => b.has(each));
