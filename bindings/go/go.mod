module hotbackup

go 1.24
