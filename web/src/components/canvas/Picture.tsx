import { useState } from "react";

import { look } from "../../actions/jobs";
import { assetUrl } from "../../api";
import { own } from "../../document/document";
import type { Artifact } from "../../running/run";
import { useSheet } from "../../store";
import { Icon } from "../Icon";

interface Props {
  readonly id: string;
  readonly title: string;
  readonly height: number;
}

/** What a node has made, or what it is making. */
export function Picture({ id, title, height }: Props) {
  const made = useSheet((sheet) => own(sheet.run.pictures, id));
  const preview = useSheet((sheet) => own(sheet.previews, id));
  const first = made?.[0];
  if (first === undefined && preview === undefined) return null;
  return (
    <figure className="picture" style={{ height }}>
      {made && first ? <Made key={first.id} made={made} title={title} /> : <img src={preview} alt={`${title}: preview`} draggable={false} />}
    </figure>
  );
}

/** Several pictures are stepped through, one at a time. */
function Made({ made, title }: { readonly made: readonly Artifact[]; readonly title: string }) {
  const [at, setAt] = useState(0);
  const [tiny, setTiny] = useState(false);
  const shown = made[at] ?? made[0];
  if (!shown) return null;
  const step = (by: number) => setAt((at + by + made.length) % made.length);
  return (
    <>
      <button type="button" className="nodrag" aria-label={`Look at ${shown.name}`} data-help={`${shown.name}: look at it`} onClick={() => look(shown.id)}>
        <img
          className={tiny ? "tiny" : undefined} src={assetUrl(shown.id)} alt={`${title}: ${shown.name}`} draggable={false}
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => setTiny(Math.max(naturalWidth, naturalHeight) <= 128)}
        />
      </button>
      {made.length > 1 && (
        <figcaption className="steps nodrag">
          <button type="button" aria-label="Picture before" onClick={() => step(-1)}><Icon name="left" /></button>
          <span aria-live="polite">{at + 1} of {made.length}</span>
          <button type="button" aria-label="Next picture" onClick={() => step(1)}><Icon name="right" /></button>
        </figcaption>
      )}
    </>
  );
}
