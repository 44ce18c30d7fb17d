import { Plus, Trash2, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  type MaskingProfileOut,
  maskingProfileCreate,
  maskingProfileDelete,
  maskingProfileUpdate,
  type ProjectOut,
} from "@/api";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Dialog } from "@/parts/Dialog";
import { Area, Field, Input, Select } from "@/parts/Field";
import { FormDialog } from "@/parts/FormDialog";
import { useEngines } from "@/screens/databases/engines";
import { data, once } from "@/shell/api";
import { queries } from "@/shell/query";
import { useCan } from "@/shell/session";
import { ColumnRules } from "./ColumnRules";

interface Props {
  project: ProjectOut;
  profile?: MaskingProfileOut;
  onClose: () => void;
}

interface Line {
  key: string;
  text: string;
}

let made = 0;
function line(text: string): Line {
  made += 1;
  return { key: `m${made}`, text };
}

/** A profile with its statements: run in order on the copy, before it becomes reachable. */
export function ProfileForm({ project, profile, onClose }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const { data: engines = [] } = useEngines();
  const [name, setName] = useState(profile?.name ?? "");
  const [engine, setEngine] = useState(profile?.engine ?? "");
  const [description, setDescription] = useState(profile?.description ?? "");
  const [lines, setLines] = useState<readonly Line[]>(() => (profile?.statements ?? []).map(line));
  const [deleting, setDeleting] = useState(false);
  const [key] = useState(once);
  const chosen = engines.find((each) => each.name === (engine || engines[0]?.name));
  if (profile && !can("masking.write")) return <ReadOnly profile={profile} onClose={onClose} />;
  async function save() {
    const statements = lines.map(({ text }) => text.trim()).filter(Boolean);
    if (profile)
      await data(
        maskingProfileUpdate({
          path: { masking_profile_id: profile.id },
          body: { name, description, statements },
          headers: { "If-Match": `"v${profile.version}"` },
        }),
      );
    else
      await data(
        maskingProfileCreate({
          path: { project_id: project.id },
          body: { name, description, statements, engine: chosen?.name ?? "" },
          headers: key,
        }),
      );
    await queries.invalidateQueries({ queryKey: ["maskings"] });
  }
  return (
    <FormDialog
      as="sheet"
      title={profile ? profile.name : t("masking:new")}
      lead={t("masking:lead")}
      verb={profile ? t("shell:save") : t("masking:create")}
      save={save}
      onClose={onClose}
    >
      {(wrong) => (
        <>
          <Field label={t("masking:name")} error={wrong.name}>
            {(given) => (
              <Input
                {...given}
                required
                autoFocus={!profile}
                autoComplete="off"
                spellCheck={false}
                maxLength={63}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
          {!profile && (
            <Field label={t("masking:engine")} error={wrong.engine}>
              {(given) => (
                <Select {...given} value={chosen?.name ?? ""} onChange={(event) => setEngine(event.target.value)}>
                  {engines.map((each) => (
                    <option key={each.name} value={each.name}>
                      {each.title}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          <Field label={t("projects:description")} aside={t("shell:optional")}>
            {(given) => (
              <Input {...given} value={description} onChange={(event) => setDescription(event.target.value)} />
            )}
          </Field>
          {chosen?.capabilities.language === "sql" && (
            <ColumnRules onAdd={(statement) => setLines([...lines, line(statement)])} />
          )}
          <fieldset className="grid gap-2">
            <legend className="mb-1 font-medium text-xs">{t("masking:statements")}</legend>
            {lines.map((each, at) => (
              <div key={each.key} className="flex items-start gap-1">
                <Area
                  aria-label={t("masking:nth", { n: at + 1 })}
                  className="min-h-14 font-mono text-xs"
                  spellCheck={false}
                  value={each.text}
                  onChange={(event) =>
                    setLines(lines.map((other) => (other === each ? { ...each, text: event.target.value } : other)))
                  }
                />
                <Button
                  look="quiet"
                  size="icon"
                  icon={<X />}
                  aria-label={t("masking:removeNth", { n: at + 1 })}
                  onClick={() => setLines(lines.filter((other) => other !== each))}
                />
              </div>
            ))}
            {wrong.statements && <p className="text-bad text-xs">{wrong.statements}</p>}
            <div>
              <Button size="small" icon={<Plus />} onClick={() => setLines([...lines, line("")])}>
                {t("masking:add")}
              </Button>
            </div>
          </fieldset>
          {profile && (
            <div className="border-t pt-3">
              <Button icon={<Trash2 />} onClick={() => setDeleting(true)}>
                {t("masking:delete")}
              </Button>
              <Confirm
                open={deleting}
                onOpenChange={setDeleting}
                danger
                title={t("projects:deleteTitle", { name: profile.name })}
                lead={t("masking:deleteLead")}
                verb={t("masking:delete")}
                name={profile.name}
                act={async () => {
                  const path = { masking_profile_id: profile.id };
                  await data(maskingProfileDelete({ path, body: { confirm: profile.name } }));
                  onClose();
                  await queries.invalidateQueries({ queryKey: ["maskings"] });
                }}
              />
            </div>
          )}
        </>
      )}
    </FormDialog>
  );
}

function ReadOnly({ profile, onClose }: { profile: MaskingProfileOut; onClose: () => void }) {
  return (
    <Dialog
      open
      as="sheet"
      onOpenChange={(open) => !open && onClose()}
      title={profile.name}
      lead={profile.description || undefined}
    >
      <ol className="grid gap-2">
        {profile.statements.map((each) => (
          <li key={each}>
            <pre className="overflow-x-auto whitespace-pre-wrap rounded-md bg-sunken p-2 font-mono text-xs">{each}</pre>
          </li>
        ))}
      </ol>
    </Dialog>
  );
}
