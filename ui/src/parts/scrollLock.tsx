import { Slot } from "radix-ui";
import { forwardRef, type HTMLAttributes, type ReactNode } from "react";

/**
 * In place of `react-remove-scroll` (vite.config.ts), which writes a style element that `style-src 'self'` forbids.
 * The page here never scrolls as a whole, so that there is nothing to lock: what scrolls lies under the veil.
 */
interface Props extends HTMLAttributes<HTMLElement> {
  children?: ReactNode;
  as?: unknown;
  allowPinchZoom?: boolean;
  shards?: unknown;
  enabled?: boolean;
  removeScrollBar?: boolean;
}

export const RemoveScroll = Object.assign(
  forwardRef<HTMLElement, Props>(function RemoveScroll(
    { as: _as, allowPinchZoom: _zoom, shards: _shards, enabled: _enabled, removeScrollBar: _bar, ...rest },
    ref,
  ) {
    return <Slot.Root ref={ref} {...rest} />;
  }),
  { classNames: { fullWidth: "", zeroRight: "" } },
);
