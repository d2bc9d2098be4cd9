"""Quality of cells: limits, doublets, dying cells, ambient RNA, sex."""
