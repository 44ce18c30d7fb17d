import { Check, ChevronsUpDown } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Dot } from "@/parts/Colour";
import { cx } from "@/parts/classes";
import { Line, Menu, Title } from "@/parts/Menu";
import { Skeleton } from "@/parts/small";
import { useScope } from "./scope";
import { useShortcut } from "./useShortcut";

/** `project / environment`, both chosen in one menu. */
export function Switcher() {
  const { t } = useTranslation();
  const { projects, environments, project, environment, choose, isLoading } = useScope();
  const [trigger, setTrigger] = useState<HTMLButtonElement | null>(null);
  useShortcut("switch.project", () => {
    trigger?.focus();
    trigger?.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  });
  if (isLoading || !project) return <Skeleton className="ml-2 h-4 w-40" />;
  return (
    <Menu
      wide
      trigger={
        <button
          ref={setTrigger}
          type="button"
          className="flex h-8 min-w-0 items-center gap-1.5 rounded-md px-2 text-sm hover:bg-hover data-[state=open]:bg-hover"
        >
          <span className="truncate font-medium">{project.name}</span>
          <span className="text-faint">/</span>
          {environment && <Dot colour={environment.colour} />}
          <span className={cx("truncate", !environment && "text-muted")}>
            {environment?.name ?? t("shell:allEnvironments")}
          </span>
          <ChevronsUpDown className="size-3.5 shrink-0 text-faint" aria-hidden />
        </button>
      }
    >
      <Title>{t("shell:environment")}</Title>
      <Pick here={!environment} onPick={() => choose(projects.length > 1 ? project.name : null, null)}>
        {t("shell:allEnvironments")}
      </Pick>
      {environments.map((each) => (
        <Pick
          key={each.id}
          here={each.id === environment?.id}
          dot={each.colour}
          onPick={() => choose(projects.length > 1 ? project.name : null, each.name)}
        >
          {each.name}
        </Pick>
      ))}
      {projects.length > 1 && (
        <>
          <Line />
          <Title>{t("shell:project")}</Title>
          {projects.map((each) => (
            <Pick key={each.id} here={each.id === project.id} onPick={() => choose(each.name, null)}>
              {each.name}
            </Pick>
          ))}
        </>
      )}
    </Menu>
  );
}

function Pick({ here, dot, onPick, children }: { here: boolean; dot?: string; onPick: () => void; children: string }) {
  return (
    <DropdownMenu.Item
      onSelect={onPick}
      className="flex h-8 items-center gap-2 rounded-sm px-2 text-sm outline-none data-highlighted:bg-hover pointer-coarse:h-10"
    >
      {dot ? <Dot colour={dot} /> : <span className="size-2" />}
      <span className="flex-1 truncate">{children}</span>
      {here && <Check className="size-3.5 text-accent-text" aria-hidden />}
    </DropdownMenu.Item>
  );
}
