/** Which nodes people like, and which they used last: names, kept in this browser. */

const FAVOURITES = "nodegraph.favourites";
const RECENT = "nodegraph.recent";
const MOST_RECENT = 5;

function read(place: string): readonly string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(place) ?? "[]");
    return Array.isArray(found) ? found.filter((each) => typeof each === "string") : [];
  } catch {
    return [];
  }
}

function keep(place: string, names: readonly string[]): readonly string[] {
  try {
    localStorage.setItem(place, JSON.stringify(names));
  } catch {
    // A full store costs a convenience only.
  }
  return names;
}

export const favourites = (): readonly string[] => read(FAVOURITES);
export const recent = (): readonly string[] => read(RECENT);

/** Make a node a favourite, or no longer. */
export function toggleFavourite(name: string): readonly string[] {
  const before = favourites();
  return keep(FAVOURITES, before.includes(name) ? before.filter((each) => each !== name) : [...before, name]);
}

export const noteUse = (name: string) => keep(RECENT, [name, ...recent().filter((each) => each !== name)].slice(0, MOST_RECENT));
