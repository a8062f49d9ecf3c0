import { useEffect } from "react";

import { copied, cut, fragmentIn, paste } from "../actions/clipboard";
import { importText } from "../actions/files";
import { addImage, isPicture } from "../actions/images";
import { middleOfScreen, toFlow } from "../layout/camera";
import { COMMANDS, keysOf, type Command } from "../keyboard/commands";
import type { Point } from "../document/document";
import { chosenKeys, keyOf } from "../keyboard/keys";
import { get } from "../store";
import { openMenuByKey } from "./Menu";

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest("input, textarea, select") !== null;

/** Fields that are not part of the workflow have an undo of their own. */
const isOwn = (target: EventTarget | null): boolean => target instanceof HTMLElement && target.closest("[data-own-keys]") !== null;

function commandFor(event: KeyboardEvent): Command | null {
  const key = keyOf(event);
  const chosen = chosenKeys();
  const command = key === null ? undefined : COMMANDS.find((each) => !each.fixed && keysOf(each, chosen).includes(key));
  if (!command || !(command.enabled?.() ?? true)) return null;
  if (isTyping(event.target) && (!command.typing || isOwn(event.target))) return null;
  return command;
}

/** The pointer's last place, where what is pasted goes. */
let pointer: Point | null = null;

function onKeyDown(event: KeyboardEvent): void {
  const { dialog, locked, palette, menu, compare, catalogue } = get();
  if (!catalogue || dialog || locked || palette || menu || compare.length > 0) return;
  if (event.key === "ContextMenu" || (event.shiftKey && event.key === "F10")) {
    event.preventDefault();
    openMenuByKey();
    return;
  }
  const command = commandFor(event);
  if (!command) return;
  event.preventDefault();
  command.does();
}

function onCopy(event: ClipboardEvent): void {
  const isElsewhere = isTyping(event.target) || getSelection()?.isCollapsed === false || get().dialog !== null;
  const text = isElsewhere ? null : event.type === "cut" ? cut() : copied();
  if (text === null) return;
  event.clipboardData?.setData("text/plain", text);
  event.preventDefault();
}

let shifted = false;

function onPaste(event: ClipboardEvent): void {
  const text = event.clipboardData?.getData("text/plain") ?? "";
  const picture = [...(event.clipboardData?.files ?? [])].find(isPicture);
  if (picture && (text === "" || !isTyping(event.target)) && get().dialog === null) {
    event.preventDefault();
    void addImage(picture, toFlow(pointer ?? middleOfScreen()));
    return;
  }
  if (isTyping(event.target) || get().dialog !== null || !text.trimStart().startsWith("{")) return;
  event.preventDefault();
  const part = fragmentIn(text);
  if (part) paste(part, toFlow(pointer ?? middleOfScreen()), shifted);
  else void importText(text, "pasted");
}

/** Keys, and what the browser's own copy and paste do here. */
export function useKeys(): void {
  useEffect(() => {
    const onMove = ({ clientX, clientY }: PointerEvent) => {
      pointer = [clientX, clientY];
    };
    const onShift = (event: KeyboardEvent) => {
      shifted = event.shiftKey;
    };
    const stop = new AbortController();
    const { signal } = stop;
    addEventListener("keydown", onShift, { signal, capture: true });
    addEventListener("keyup", onShift, { signal, capture: true });
    addEventListener("keydown", onKeyDown, { signal });
    addEventListener("pointermove", onMove, { signal, passive: true });
    addEventListener("copy", onCopy, { signal });
    addEventListener("cut", onCopy, { signal });
    addEventListener("paste", onPaste, { signal });
    return () => stop.abort();
  }, []);
}
