/** How large a picture is shown. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

const LARGEST = 32;
const STEP = 1.25;

/** The scale at which a picture just fits; one that is enlarged at least twice is so by a whole number, pixel by pixel. */
export function fitScale(stage: Size, picture: Size): number {
  if (picture.width === 0 || picture.height === 0) return 1;
  const scale = Math.min(stage.width / picture.width, stage.height / picture.height, LARGEST);
  return scale >= 2 ? Math.floor(scale) : Math.max(scale, 0.01);
}

/** One step nearer (1) or further away (-1), between a fraction of what fits and very large; stops at 1:1 on its way. */
export function zoomed(scale: number, by: 1 | -1, fit: number): number {
  const next = scale * STEP ** by;
  const passes = (scale < 1 && next > 1) || (scale > 1 && next < 1);
  return Math.min(LARGEST, Math.max(Math.min(fit, 1) / 2, passes ? 1 : next));
}

/** A click shows the picture pixel by pixel, or all of it again; a picture of the size of the stage twice as large. */
export function clicked(zoom: number | null, fit: number): number | null {
  if (zoom !== null) return null;
  return fit === 1 ? 2 : 1;
}

/** The one before (-1) or after (1) in a list; null at its ends, and for what is not in it. */
export function beside(ids: readonly string[], id: string, by: 1 | -1): string | null {
  const at = ids.indexOf(id);
  return at < 0 ? null : (ids[at + by] ?? null);
}
