/** Pictures and curves at a glance: how large, and along which points. */

/** The width and height of a PNG file, as its header in a data URL says. */
export function pngSize(url: string): readonly [number, number] | null {
  const start = "data:image/png;base64,";
  if (!url.startsWith(start)) return null;
  const head = atob(url.slice(start.length, start.length + 32));
  const number = (at: number) => [0, 1, 2, 3].reduce((sum, index) => sum * 256 + head.charCodeAt(at + index), 0);
  return head.length < 24 ? null : [number(16), number(20)];
}

/** The size that a picture is shown at: whole pixels where it is small, and never larger than there is room. */
export function shownSize([width, height]: readonly [number, number], most: readonly [number, number]): readonly [number, number] {
  const fits = Math.min(most[0] / width, most[1] / height);
  const scale = fits >= 1 ? Math.floor(fits) : fits;
  return [width * scale, height * scale];
}

export interface Plot {
  readonly points: string;
  readonly least: string;
  readonly most: string;
  readonly first: string;
  readonly last: string;
}

/** A curve as the points of a line in a box, with what its ends and bounds are; null for one without a value. */
export function plotOf(curve: readonly number[], width: number, height: number): Plot | null {
  const [first, last] = [curve[0], curve.at(-1)];
  if (first === undefined || last === undefined) return null;
  const [least, most] = [Math.min(...curve), Math.max(...curve)];
  const points = curve.length === 1 ? [first, first] : curve; // a single value is a line, too
  const across = width / (points.length - 1);
  const up = (value: number) => (most === least ? height / 2 : height - ((value - least) / (most - least)) * height);
  const line = points.map((value, index) => `${(index * across).toFixed(1)},${up(value).toFixed(1)}`).join(" ");
  return { points: line, least: short(least), most: short(most), first: short(first), last: short(last) };
}

export const short = (value: number): string => String(Number(value.toPrecision(4)));
