"""A business case as documents that show what a ``CaseView`` says: Markdown, a page, slides, a workbook."""
