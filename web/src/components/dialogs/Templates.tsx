import { useEffect, useState } from "react";

import { show, told } from "../../actions/files";
import { listTemplates, readTemplate, templatePicture, type Template } from "../../api";
import { grouped } from "../../keeping/shelf";
import { Dialog } from "./Dialog";

const open = (template: Template) => void told(async () => show(template.title, "", (await readTemplate(template.name)).workflow));

/** The workflows that come along, with what each is for and what it makes. */
export function Templates() {
  const [templates, setTemplates] = useState<readonly Template[]>([]);
  useEffect(() => void told(async () => setTemplates(await listTemplates())), []);
  return (
    <Dialog title="Templates" className="templates">
      <div className="groups">
        {grouped(templates).map(({ title, templates: group }) => (
          <section key={title} aria-label={title}>
            <h3>{title}</h3>
            <ul>
              {group.map((template) => (
                <li key={template.name}>
                  <button type="button" data-template={template.name} onClick={() => open(template)}>
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
