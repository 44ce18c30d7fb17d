import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type FilesIn, fileKeyList } from "@/api";
import { Field, Select } from "@/parts/Field";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";

const FORMS = ["native", "tar"] as const;
const PACKINGS = ["none", "gzip", "bzip2", "zstd"] as const;
const SEALINGS = ["none", "age", "gpg", "aes256"] as const;

interface Props {
  /** null is restic's format. */
  files: FilesIn | null;
  onChange: (files: FilesIn | null) => void;
  project: string | undefined;
}

/** restic's format, or plain files: their form, how they are packed, and with what they are sealed. */
export function FilesFields({ files, onChange, project }: Props) {
  const { t } = useTranslation();
  const keys = useFileKeys(project, files !== null);
  const chosen = keys.find(({ name }) => name === files?.key);
  const sealings = chosen ? SEALINGS.filter((each) => chosen.takes.includes(each)) : SEALINGS;
  return (
    <>
      <Field label={t("repositories:format")} hint={t(files ? "repositories:plainHint" : "repositories:resticHint")}>
        {(control) => (
          <Select
            {...control}
            value={files ? "plain" : "restic"}
            onChange={(event) => onChange(event.target.value === "plain" ? { encryption: "age" } : null)}
          >
            <option value="restic">{t("repositories:formats.restic")}</option>
            <option value="plain">{t("repositories:formats.plain")}</option>
          </Select>
        )}
      </Field>
      {files && (
        <div className="grid gap-4 border-l-2 pl-3 sm:grid-cols-2">
          <Field label={t("repositories:form")}>
            {(control) => (
              <Select
                {...control}
                value={files.form ?? "native"}
                onChange={(event) => onChange({ ...files, form: event.target.value as (typeof FORMS)[number] })}
              >
                {FORMS.map((each) => (
                  <option key={each} value={each}>
                    {t(`repositories:forms.${each}`)}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field label={t("repositories:packing")}>
            {(control) => (
              <Select
                {...control}
                value={files.compression ?? "gzip"}
                onChange={(event) =>
                  onChange({ ...files, compression: event.target.value as (typeof PACKINGS)[number] })
                }
              >
                {PACKINGS.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </Select>
            )}
          </Field>
          <Field label={t("repositories:fileKey")}>
            {(control) => (
              <Select
                {...control}
                value={files.key ?? ""}
                onChange={(event) => {
                  const key = keys.find(({ name }) => name === event.target.value);
                  const encryption = (key?.takes[0] ?? "age") as (typeof SEALINGS)[number];
                  onChange({ ...files, key: key?.name ?? null, encryption });
                }}
              >
                <option value="">{t("repositories:ownKey")}</option>
                {keys.map(({ id, name }) => (
                  <option key={id}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
          <Field
            label={t("repositories:encryption")}
            error={files.encryption === "none" ? t("repositories:notSealed") : undefined}
          >
            {(control) => (
              <Select
                {...control}
                value={files.encryption ?? "age"}
                onChange={(event) =>
                  onChange({ ...files, encryption: event.target.value as (typeof SEALINGS)[number] })
                }
              >
                {sealings.map((each) => (
                  <option key={each} value={each}>
                    {each === "none" ? t("repositories:noEncryption") : each}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
      )}
    </>
  );
}

const NONE: never[] = [];

/** The project's keys for plain files, once they are wanted. */
export function useFileKeys(project: string | undefined, wanted: boolean) {
  const can = useCan();
  const { data: keys = NONE } = useQuery({
    queryKey: ["file_keys", "names", project],
    queryFn: async () =>
      (await data(fileKeyList({ path: { project_id: project ?? "" }, query: { limit: 200 } }))).items,
    enabled: wanted && project !== undefined && can("file.key.read"),
  });
  return keys;
}
