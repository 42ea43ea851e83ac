"""Somebody without a mouse: Tab leads everywhere, in the order of the page, and where one stands is seen."""

from __future__ import annotations

from typing import Any

MOST_STOPS = 250

# What the focus is on, as a path that stays the same while the page does.
WHERE = """() => {
  const path = [];
  for (let e = document.activeElement; e && e !== document.body; e = e.parentElement)
    path.unshift([...e.parentElement.children].indexOf(e));
  return path.join('/');
}"""


def tab_to(page: Any, selector: str, most: int = 150) -> None:
    """Press Tab until the focus is on what `selector` names, as somebody without a mouse does."""
    for _press in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{page.url}: Tab does not lead to {selector}")


def shows_focus(page: Any) -> bool:
    """True when the focused element, or what stands for it, has a ring of 2 px or more and is on the screen."""
    return bool(
        page.evaluate(
            """() => {
              const ring = e => {
                const style = getComputedStyle(e);
                return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
              };
              const e = document.activeElement;
              const box = (e.type === 'file' ? e.parentElement : e).getBoundingClientRect();
              const label = e.id && document.querySelector(`label[for="${CSS.escape(e.id)}"]`);
              const shown = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
              return shown && [e, label, e.parentElement, e.closest('.choice-card, .tile, .queue li, .box, .editor'),
                      e.nextElementSibling, e.closest('.drop')?.querySelector('label')]
                .some(one => one && ring(one));
            }"""
        )
    )
