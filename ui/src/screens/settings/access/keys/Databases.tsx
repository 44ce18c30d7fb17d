import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { databaseList } from "@/api";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { data } from "@/shell/api";
import { useScope } from "@/shell/scope";

interface Props {
  value: readonly string[];
  onChange: (ids: readonly string[]) => void;
}

/** Databases of the project one is in. */
export function Databases({ value, onChange }: Props) {
  const { t } = useTranslation();
  const { filter } = useScope();
  const { data: found, error } = useQuery({
    queryKey: ["databases", "names", filter],
    queryFn: async () => (await data(databaseList({ query: { ...filter, limit: 200 } }))).items,
  });
  if (error) return <ErrorPanel error={error} />;
  return (
    <fieldset className="grid gap-1">
      <legend className="mb-1 font-medium text-xs">{t("apikeys:databases")}</legend>
      {found?.map(({ id, name }) => (
        <label key={id} className="flex items-center gap-2 pointer-coarse:min-h-10">
          <input
            type="checkbox"
            className="size-4 accent-accent"
            checked={value.includes(id)}
            onChange={(event) => onChange(event.target.checked ? [...value, id] : value.filter((each) => each !== id))}
          />
          {name}
        </label>
      ))}
    </fieldset>
  );
}
