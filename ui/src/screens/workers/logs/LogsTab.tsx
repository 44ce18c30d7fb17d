import { useTranslation } from "react-i18next";
import { Segments } from "@/parts/Setting";
import { useAddress } from "@/shell/address";
import type { TabProps } from "../tabs";
import { InvocationSheet } from "./InvocationSheet";
import { Invocations } from "./Invocations";
import { Tail } from "./Tail";

/** What it says, as it says it; and what it did, call by call. */
export default function LogsTab({ worker }: TabProps) {
  const { t } = useTranslation();
  const [search, set] = useAddress();
  const view = search.view === "calls" ? "calls" : "lines";
  const which = (
    <Segments
      label={t("workers:which")}
      value={view}
      options={["lines", "calls"].map((value) => ({ value, label: t(`workers:logViews.${value}`) }))}
      onChange={(value) =>
        set({
          ...Object.fromEntries(Object.keys(search).map((key) => [key, undefined])),
          ...(search.project && { project: search.project }),
          ...(search.env && { env: search.env }),
          tab: "logs",
          view: value === "lines" ? undefined : value,
        })
      }
    />
  );
  return (
    <>
      {view === "calls" ? <Invocations worker={worker}>{which}</Invocations> : <Tail worker={worker}>{which}</Tail>}
      {search.call && <InvocationSheet worker={worker} id={search.call} onClose={() => set({ call: undefined })} />}
    </>
  );
}
