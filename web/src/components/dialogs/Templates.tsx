import { useEffect, useState } from "react";

import { openTemplate, told } from "../../actions/files";
import { listTemplates, templatePicture, type Template } from "../../api";
import { LEARN, grouped } from "../../keeping/shelf";
import { Dialog } from "./Dialog";

/** The workflows that come along, with what each is for and what it makes; under the title of one group, that one alone. */
export function Templates({ title }: { readonly title: string }) {
  const [templates, setTemplates] = useState<readonly Template[]>([]);
  useEffect(() => void told(async () => setTemplates(await listTemplates())), []);
  const groups = grouped(templates).filter((group) => title !== LEARN || group.title === title);
  return (
    <Dialog title={title} className="templates">
      <div className="groups">
        {groups.map((group) => (
          <section key={group.title} aria-label={group.title}>
            {title !== group.title && <h3>{group.title}</h3>}
            <ul>
              {group.templates.map((template) => (
                <li key={template.name}>
                  <button type="button" data-template={template.name} onClick={() => void openTemplate(template.name)}>
                    <span className="shot">{template.picture && <img src={templatePicture(template.name)} alt="" loading="lazy" />}</span>
                    <strong>{template.title}</strong>
                    <small>{template.about}</small>
                  </button>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
