import { useEffect, useId, useRef, useState } from "react";

import { saveAs } from "../../actions/files";
import { listWorkflows, type Saved } from "../../api";
import { asName, foldersIn } from "../../keeping/shelf";
import { sheet } from "../../store";
import { Dialog } from "./Dialog";

/** Asks for the name of a copy to go on with. */
export function SaveAs() {
  const [name, setName] = useState(() => sheet().name);
  const [saved, setSaved] = useState<readonly Saved[]>([]);
  const field = useRef<HTMLInputElement>(null);
  const folders = useId();
  useEffect(() => {
    field.current?.select();
    void listWorkflows().then(setSaved, () => null);
  }, []);
  const wanted = asName(name);
  const isOurs = wanted === sheet().name && sheet().version !== "";
  const taken = !isOurs && saved.some((each) => each.name === wanted);
  return (
    <Dialog title="Save as">
      <form
        className="save-as"
        onSubmit={(event) => {
          event.preventDefault();
          if (wanted !== "" && !taken) void saveAs(wanted);
        }}
      >
        <label>
          <span>Name</span>
          <input
            ref={field} className="field" value={name} list={folders} spellCheck={false} autoComplete="off" aria-invalid={taken}
            aria-describedby={`${folders}-said`} onChange={(event) => setName(event.target.value)}
          />
        </label>
        <datalist id={folders}>
          {foldersIn(saved).map((folder) => <option key={folder} value={`${folder}/`} />)}
        </datalist>
        <p id={`${folders}-said`} className={taken ? "said bad" : "said"}>
          {taken ? "There is a workflow of this name." : "A slash makes folders. The one before stays as it was."}
        </p>
        <button type="submit" className="button primary" disabled={wanted === "" || taken}>Save</button>
      </form>
    </Dialog>
  );
}
