import { useMutation, useQuery } from "@tanstack/react-query";
import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { databaseUrl, databaseUrlReveal } from "@/api";
import { Button } from "@/parts/Button";
import { ErrorPanel } from "@/parts/ErrorPanel";
import { Section } from "@/parts/Page";
import { Segments } from "@/parts/Setting";
import { CopyButton, Skeleton } from "@/parts/small";
import { data } from "@/shell/api";
import { useCan } from "@/shell/session";
import { isAble } from "../able";
import type { TabProps } from "../tabs";
import { snippetsOf } from "./drivers";

const WAYS = ["rw", "ro", "owner"] as const;

/** The way in as the person's own program writes it. The password comes only when it is asked for. */
export function Connect({ database, engine }: TabProps) {
  const { t } = useTranslation();
  const can = useCan();
  const ways = isAble(engine, "login") ? WAYS : (["rw"] as const);
  const [way, setWay] = useState<string>(ways[0]);
  const [program, setProgram] = useState("url");
  const path = { database_id: database.id };
  const plain = useQuery({
    queryKey: ["databases", database.id, "url", way],
    queryFn: () => data(databaseUrl({ path, query: { access: way } })),
    enabled: Boolean(database.endpoint),
  });
  const reveal = useMutation({
    mutationFn: () => data(databaseUrlReveal({ path, body: { access: way } })),
    networkMode: "always",
    gcTime: 0,
  });
  if (!database.endpoint) return <p className="p-6 text-muted">{t("databases:noAddress")}</p>;
  if (plain.error) return <ErrorPanel error={plain.error} retry={() => void plain.refetch()} />;
  const url = reveal.data?.url ?? plain.data?.url;
  const snippets = url ? snippetsOf(url) : [];
  const here = snippets.find(({ id }) => id === program) ?? snippets[0];
  const isShown = Boolean(reveal.data);
  return (
    <Section title={t("connections:connect")}>
      <div className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-3">
        <div className="flex flex-wrap items-center gap-3">
          {ways.length > 1 && (
            <Segments
              label={t("connections:access")}
              value={way}
              options={ways.map((value) => ({ value, label: t(`databases:ways.${value}`) }))}
              onChange={(next) => {
                reveal.reset();
                setWay(next);
              }}
            />
          )}
          {can("database.url.reveal") && ways.length > 1 && (
            <Button
              look="quiet"
              busy={reveal.isPending}
              icon={isShown ? <EyeOff /> : <Eye />}
              onClick={() => (isShown ? reveal.reset() : reveal.mutate())}
            >
              {t(isShown ? "databases:hide" : "databases:reveal")}
            </Button>
          )}
        </div>
        {here ? (
          <>
            <div className="max-w-full overflow-x-auto">
              <Segments
                label={t("connections:program")}
                value={here.id}
                options={snippets.map(({ id, title }) => ({ value: id, label: title }))}
                onChange={setProgram}
              />
            </div>
            <div className="flex items-start gap-1 rounded-md border bg-sunken p-1 pl-3">
              <pre
                // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways is reached by keys too
                tabIndex={0}
                className="min-w-0 flex-1 overflow-x-auto py-1 font-mono text-xs leading-5 pointer-coarse:py-2.5 max-sm:whitespace-pre-wrap max-sm:[overflow-wrap:anywhere]"
              >
                {here.text}
              </pre>
              <CopyButton text={here.text} label={t("databases:copyUrl")} />
            </div>
          </>
        ) : (
          <Skeleton className="h-10" />
        )}
        <p className="text-muted text-xs">{t(`connections:wayLeads.${way}`)}</p>
      </div>
    </Section>
  );
}
