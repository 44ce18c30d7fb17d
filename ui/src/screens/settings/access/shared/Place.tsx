import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { environmentList } from "@/api";
import { Field, Select } from "@/parts/Field";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";

export interface Place {
  project: string;
  environment: string;
}

interface Props {
  value: Place;
  onChange: (place: Place) => void;
  /** The whole installation is a place too. */
  everywhere?: boolean;
  /** One environment is needed, not all of a project's. */
  one?: boolean;
  /** The whole project, no environment of it. */
  justProject?: boolean;
}

/** A project and, if wanted, one of its environments. */
export function PlaceFields({ value, onChange, everywhere, one, justProject }: Props) {
  const { t } = useTranslation();
  const { projects } = useScope();
  const { data: inside } = useQuery({
    queryKey: ["projects", value.project, "environments"],
    queryFn: async () =>
      (await data(environmentList({ path: { project_id: value.project }, query: { limit: 200 } }))).items,
    enabled: value.project !== "" && !justProject,
  });
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <Field label={everywhere ? t("roles:where") : t("roles:project")}>
        {(given) => (
          <Select
            {...given}
            required={!everywhere}
            value={value.project}
            onChange={(event) => onChange({ project: event.target.value, environment: "" })}
          >
            {everywhere ? <option value="">{t("roles:everywhere")}</option> : <option value="" />}
            {projects.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {value.project !== "" && !justProject && (
        <Field label={t("roles:environment")}>
          {(given) => (
            <Select
              {...given}
              required={one}
              value={value.environment}
              onChange={(event) => onChange({ ...value, environment: event.target.value })}
            >
              <option value="">{one ? "" : t("roles:allEnvironments")}</option>
              {inside?.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
    </div>
  );
}

/** "shop / production", or where there is no project, the whole installation. */
export function useWhere(): (of: { project?: string | null; environment?: string | null }) => string {
  const { t } = useTranslation();
  return useCallback(
    ({ project, environment }) =>
      project ? (environment ? `${project} / ${environment}` : project) : t("roles:everywhere"),
    [t],
  );
}
