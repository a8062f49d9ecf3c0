import { useEffect, useRef, type KeyboardEvent as KeyPress } from "react";

import { addDot, setColor } from "../actions/edit";
import { commandOf } from "../keyboard/commands";
import { sourceOf, type End, type Point } from "../document/document";
import { get, set, sheet, useStore, type Menu as Opened } from "../store";
import { Keys } from "./Keys";

const LISTS: Readonly<Record<Opened["on"], readonly string[]>> = {
  file: ["new", "open", "templates", "learn", "-", "save", "save_as", "history", "copy_json", "-", "select_all", "duplicate", "find", "-", "shortcuts", "close"],
  canvas: ["add", "note", "frame", "-", "select_all", "tidy", "fit"],
  selection: [
    "run_selected", "-", "title", "bypass", "mute", "collapse", "frame", "-", "copy", "duplicate", "-", "align_left", "align_right", "align_top", "align_bottom",
    "align_center", "align_middle", "spread_across", "spread_down", "-", "tints", "-", "remove",
  ],
  wire: ["insert", "dot", "-", "remove"],
};
export const TINTS = ["red", "amber", "green", "blue", "violet"] as const;
const WIDTH = 304;

const close = () => set({ menu: null });

const wired = (): End | null => {
  const [wire] = sheet().wires;
  return wire === undefined ? null : sourceOf(wire);
};

/** What can be done with a wire, where it was clicked. */
const ON_WIRE: Readonly<Record<string, { title: string; does: (at: Point, screen: Point) => void }>> = {
  insert: { title: "Put a node in …", does: (at, screen) => set({ palette: { screen, at, wire: null, present: false, into: wired() } }) },
  dot: {
    title: "Put a dot on it",
    does: (at) => {
      const into = wired();
      if (into) addDot(into, at);
    },
  },
};

interface Item {
  readonly id: string;
  readonly title: string;
  readonly does: () => void;
}

function itemOf(id: string, menu: Opened): Item | null {
  const own = ON_WIRE[id];
  if (own) return { id, title: own.title, does: () => own.does(menu.at, menu.screen) };
  const command = commandOf(id);
  return command && (command.enabled?.() ?? true) ? { id, title: command.title, does: command.does } : null;
}

/** A list of commands, for what it was opened on. */
export function Menu() {
  const menu = useStore((state) => state.menu);
  return menu && <List menu={menu} key={`${menu.on} ${menu.screen.join()}`} />;
}

function List({ menu }: { readonly menu: Opened }) {
  const list = useRef<HTMLDivElement>(null);
  const before = useRef(document.activeElement);
  const items = LISTS[menu.on].map((id) => (id === "-" || id === "tints" ? id : itemOf(id, menu))).filter((item) => item !== null);
  const shown = items.filter((item, index) => item !== "-" || (index > 0 && items[index - 1] !== "-" && index < items.length - 1));
  useEffect(() => {
    list.current?.querySelector<HTMLElement>('[role="menuitem"]')?.focus();
    // A finger may have taken the focus away from it.
    const onEscape = ({ key }: KeyboardEvent) => key === "Escape" && close();
    addEventListener("keydown", onEscape);
    return () => removeEventListener("keydown", onEscape);
  }, []);
  const back = () => {
    close();
    if (before.current instanceof HTMLElement) before.current.focus({ preventScroll: true });
  };
  const onKeyDown = (event: KeyPress) => {
    const all = [...(list.current?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];
    const at = all.findIndex((each) => each === document.activeElement);
    const step = event.key === "ArrowDown" || event.key === "ArrowRight" ? 1 : event.key === "ArrowUp" || event.key === "ArrowLeft" ? -1 : 0;
    if (step !== 0) all.at((at + step) % all.length)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") back();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const height = shown.reduce((sum, item) => sum + (item === "-" ? 9 : 32), 16);
  const place = { left: Math.max(8, Math.min(menu.screen[0], innerWidth - WIDTH - 8)), top: Math.max(8, Math.min(menu.screen[1], innerHeight - height - 8)) };
  return (
    <div className="veil" role="region" aria-label="Menu" onPointerDown={(event) => event.target === event.currentTarget && close()} onContextMenu={(event) => event.preventDefault()}>
      <div className="menu panel" role="menu" aria-label="Commands" ref={list} style={{ ...place, width: WIDTH }} onKeyDown={onKeyDown}>
        {shown.map((item, index) => {
          if (item === "-") return <hr key={`line ${index}`} />;
          if (item === "tints") return <Tints key="tints" />;
          return <MenuItem key={item.id} item={item} />;
        })}
      </div>
    </div>
  );
}

function MenuItem({ item }: { readonly item: Item }) {
  const act = () => {
    close();
    item.does();
  };
  return (
    <button type="button" role="menuitem" tabIndex={-1} onClick={act} onPointerMove={(event) => event.currentTarget.focus()}>
      <span>{item.title}</span>
      <Keys id={item.id} />
    </button>
  );
}

function Tints() {
  const tint = (color: string | undefined) => {
    close();
    setColor(color);
  };
  return (
    <div className="tints" role="group" aria-label="Colour">
      <button type="button" role="menuitem" tabIndex={-1} className="tint-none" aria-label="No colour" onClick={() => tint(undefined)} />
      {TINTS.map((color) => (
        <button type="button" role="menuitem" tabIndex={-1} key={color} className={`tint-${color}`} aria-label={color} onClick={() => tint(color)} />
      ))}
    </div>
  );
}

/** Open the menu of what is selected by keyboard, beside the thing that has the focus. */
export function openMenuByKey(): void {
  const box = document.activeElement?.closest(".react-flow__node, .react-flow__edge")?.getBoundingClientRect();
  const { selected, wires } = sheet();
  const screen: Point = box ? [box.left + 24, box.top + 24] : [innerWidth / 2, innerHeight / 3];
  const on = selected.size > 0 ? "selection" : wires.size > 0 ? "wire" : "canvas";
  if (get().catalogue) set({ menu: { screen, at: screen, on }, palette: null });
}
