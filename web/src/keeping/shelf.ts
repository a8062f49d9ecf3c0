/** The saved workflows as people look for them: by folder, by name, the newest first. */

import type { Saved, Template } from "../api";

export interface Folder {
  readonly path: string;
  readonly name: string;
  readonly count: number;
}
export interface Shelf {
  readonly folders: readonly Folder[];
  readonly workflows: readonly Saved[];
}

export const folderOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf("/")));
export const lastPart = (name: string): string => name.slice(name.lastIndexOf("/") + 1);
export const newestFirst = <T extends { readonly at: number }>(all: readonly T[]): readonly T[] => [...all].sort((a, b) => b.at - a.at);

/** A name as the server takes it: without slashes around it. */
export const asName = (text: string): string => text.trim().replace(/^\/+|\/+$/g, "");

const MOST_LETTERS = 60;
const MOST_PARTS = 4;

/** A name that the server takes, as near as it can be to a title or the name of a file. */
export function plainName(title: string): string {
  const plain = title.normalize("NFKD").replace(/\p{M}/gu, "");
  const parts = plain.split("/").map((part) => part.replace(/[^A-Za-z0-9_.-]+/g, " ").slice(0, MOST_LETTERS).replace(/^[ .]+|[ .]+$/g, ""));
  return parts.filter(Boolean).slice(-MOST_PARTS).join("/") || "untitled";
}

/** What is in a folder; "" is the one that all are in. */
export function shelf(saved: readonly Saved[], folder: string): Shelf {
  const root = folder === "" ? "" : `${folder}/`;
  const within = saved.filter(({ name }) => name.startsWith(root));
  const counts = new Map<string, number>();
  for (const { name } of within) {
    const rest = name.slice(root.length);
    const slash = rest.indexOf("/");
    if (slash > 0) counts.set(rest.slice(0, slash), (counts.get(rest.slice(0, slash)) ?? 0) + 1);
  }
  const folders = [...counts].map(([name, count]) => ({ path: root + name, name, count })).sort((a, b) => a.name.localeCompare(b.name));
  return { folders, workflows: newestFirst(within.filter(({ name }) => folderOf(name) === folder)) };
}

/** The workflows whose names have all the words of a query, wherever they are. */
export function matching(saved: readonly Saved[], query: string): readonly Saved[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return newestFirst(saved.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word))));
}

/** Every folder that there is, each before those in it. */
export function foldersIn(saved: readonly Saved[]): readonly string[] {
  const all = saved.flatMap(({ name }) => name.split("/").slice(0, -1).map((_, index, parts) => parts.slice(0, index + 1).join("/")));
  return [...new Set(all)].sort((a, b) => a.localeCompare(b));
}

/** The folders on the way to one, with their names. */
export function trail(folder: string): readonly Pick<Folder, "path" | "name">[] {
  const parts = folder === "" ? [] : folder.split("/");
  return parts.map((name, index) => ({ name, path: parts.slice(0, index + 1).join("/") }));
}

export const LEARN = "Learn";
const TITLES: Readonly<Record<string, string>> = { "": "Begin", lessons: LEARN };

/** Templates by folder, in the order in which they come. */
export function grouped(templates: readonly Template[]): readonly { readonly title: string; readonly templates: readonly Template[] }[] {
  const folders = [...new Set(templates.map(({ name }) => folderOf(name)))];
  const titled = (folder: string) => TITLES[folder] ?? folder.charAt(0).toUpperCase() + folder.slice(1).replaceAll("_", " ");
  return folders.map((folder) => ({ title: titled(folder), templates: templates.filter(({ name }) => folderOf(name) === folder) }));
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;

/** How long ago something was; `at` in seconds since 1970. */
export function ago(at: number, now: Date): string {
  const seconds = now.getTime() / 1000 - at;
  if (seconds < 10) return "just now";
  if (seconds < MINUTE) return `${Math.floor(seconds / 10)}0 s ago`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ago`;
  if (seconds < 7 * DAY) return seconds < 2 * DAY ? "1 day ago" : `${Math.floor(seconds / DAY)} days ago`;
  return new Date(at * 1000).toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" });
}

export const fullTime = (at: number): string => new Date(at * 1000).toLocaleString([], { dateStyle: "full", timeStyle: "medium" });
