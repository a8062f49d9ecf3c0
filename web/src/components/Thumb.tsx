import { useState } from "react";

import { assetUrl, thumbnailUrl } from "../api";
import type { Artifact } from "../running/run";

/** One size for all places, so that the browser asks once. */
const SIZE = 192;
/** A file as small as this is shown itself: the server takes longer to make it smaller than to send it. */
const SMALL_BYTES = 65536;
/** Of pixels that are enlarged one sees each. */
const TINY = 72;

/** A small picture, within a button that has its name. */
export function Thumb({ picture: { id, size } }: { readonly picture: Artifact }) {
  const [tiny, setTiny] = useState(false);
  const small = size !== undefined && size <= SMALL_BYTES;
  return (
    <img
      className={tiny ? "thumb tiny" : "thumb"} src={small ? assetUrl(id) : thumbnailUrl(id, SIZE)} alt="" loading="lazy" draggable={false}
      onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => setTiny(Math.max(naturalWidth, naturalHeight) <= TINY)}
    />
  );
}
