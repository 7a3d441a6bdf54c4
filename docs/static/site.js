/* For the keyboard and for screen readers, what the theme leaves out. */

/* What scrolls sideways can be reached with the Tab key. */
function makeReachable() {
  const wide = "article table, article pre, article mjx-container[display='true']";
  for (const element of document.querySelectorAll(wide)) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
}

/* A link whose only text is a formula is called by what stands in TeX. */
for (const link of document.querySelectorAll("nav a:has(.math)")) {
  link.ariaLabel = link.textContent.replace(/\\[()]/g, "").trim();
}

addEventListener("resize", makeReachable);
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  makeReachable();
});

/* Excerpts of search results come from a page's text, not from its header and contents. */
if (typeof Search !== "undefined") {
  const toText = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const around = ".bd-header-article, #jb-print-docs-body, .prev-next-footer";
    page.querySelectorAll(around).forEach((part) => part.remove());
    return toText(page.documentElement.outerHTML, anchor);
  };
}

/* The theme drops the focus when it opens the menu of color modes: back to its button. */
for (const button of document.querySelectorAll(".theme-switch-button")) {
  button.addEventListener("click", () => setTimeout(() => button.focus()));
}
