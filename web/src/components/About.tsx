import { colourOf, type Catalogue, type Input, type Output } from "../catalogue/catalogue";
import type { Offer } from "../catalogue/offers";
import { Icon } from "./Icon";

interface Props {
  readonly catalogue: Catalogue;
  readonly offer: Offer | undefined;
  readonly liked: boolean;
  readonly onLike: () => void;
}

/** What the chosen offer of the palette is: its help, and what goes in and comes out. */
export function About({ catalogue, offer, liked, onLike }: Props) {
  if (offer?.kind !== "node") return <div className="about">{offer && <p>End the wire in {offer.title}.</p>}</div>;
  const { node } = offer;
  const sockets = node.inputs.filter((input) => input.widget === null);
  const fields = node.inputs.filter((input) => input.widget !== null);
  return (
    <div className="about">
      <div className="about-head">
        <strong>{node.title}</strong>
        <button
          type="button" className="button small" aria-pressed={liked} aria-keyshortcuts="Control+D"
          data-help={`${liked ? "No longer a favourite" : "Favourites come first"} · Ctrl D`} onClick={onLike}
        >
          <Icon name="star" /> Favourite
        </button>
      </div>
      <p>{node.help}</p>
      <div className="ends">
        <Sockets title="In" sockets={sockets} catalogue={catalogue} />
        <Sockets title="Out" sockets={node.outputs} catalogue={catalogue} />
        {fields.length > 0 && <p><b>Fields</b> {fields.map((field) => field.name).join(", ")}</p>}
      </div>
    </div>
  );
}

interface SocketsProps {
  readonly title: string;
  readonly sockets: readonly (Input | Output)[];
  readonly catalogue: Catalogue;
}

function Sockets({ title, sockets, catalogue }: SocketsProps) {
  if (sockets.length === 0) return null;
  return (
    <p>
      <b>{title}</b>
      {sockets.map(({ name, type }) => (
        <span key={name} className={`type-${colourOf(catalogue, type)}`}>
          <i aria-hidden="true" /> {name}{name.toLowerCase() === type.toLowerCase() ? "" : `: ${type}`}
        </span>
      ))}
    </p>
  );
}
