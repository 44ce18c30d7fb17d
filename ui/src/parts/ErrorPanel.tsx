import { useQueryErrorResetBoundary } from "@tanstack/react-query";
import { CircleAlert } from "lucide-react";
import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type ApiError, asError } from "@/shell/api";
import { Button } from "./Button";

/** One line: what failed, what to do. For forms and dialogs. */
export function ErrorText({ error }: { error: ApiError }) {
  return (
    <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-bad text-sm">
      {sentence(error.message)}
      {error.hint && <span className="block text-text/80 text-xs">{error.hint}</span>}
    </p>
  );
}

/** In place of a panel that could not be read. */
export function ErrorPanel({ error: thrown, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const error = asError(thrown);
  const gone = error.status === 404;
  return (
    <div role="alert" className="grid h-full min-h-40 place-items-center p-6">
      <div className="grid max-w-md justify-items-center gap-2 text-center">
        <CircleAlert className="size-5 text-bad" aria-hidden />
        <p className="font-medium text-sm">{gone ? t("shell:notThere") : sentence(error.message)}</p>
        <p className="text-muted text-sm">{gone ? t("shell:notThereHint") : error.hint}</p>
        <code className="text-faint text-xs">{error.code}</code>
        {retry && !gone && (
          <Button size="small" className="mt-1" onClick={retry}>
            {t("shell:retry")}
          </Button>
        )}
      </div>
    </div>
  );
}

export function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

interface BoundaryProps {
  children: ReactNode;
  reset: () => void;
}

class Boundary extends Component<BoundaryProps, { error: unknown }> {
  state = { error: null };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  render() {
    if (this.state.error === null) return this.props.children;
    const retry = () => {
      this.props.reset();
      this.setState({ error: null });
    };
    return <ErrorPanel error={this.state.error} retry={retry} />;
  }
}

/** One panel's failure is that panel's: the page around it goes on. */
export function Panel({ children }: { children: ReactNode }) {
  const { reset } = useQueryErrorResetBoundary();
  return <Boundary reset={reset}>{children}</Boundary>;
}
